import type { HostPort } from '../../runtime/options/kinds.js';

/** What is on no secondary network is on this one. */
export const DEFAULT_NETWORK = 'default';

/** An agent of role probe, one for each node. */
export interface Peer {
  readonly node: string;
  /** Empty where none is known. */
  readonly zone: string;
  /** Where it listens, by the name of the network: an address of each family at most, and one at least of all; a name stands alone. */
  readonly addresses: ReadonlyMap<string, readonly HostPort[]>;
  /**
   * Whether it is, or has been, known to be ready, or has had the time to become so, as of now: one of which none is true is still
   * starting, and not failing when it does not answer.
   */
  readonly isStarted: boolean;
}

/** Who there is to be dialled. */
export interface PeerList {
  /** Ordered by node, this one among them where it is listed. */
  readonly peers: readonly Peer[];
  /** The Service in front of them; undefined where there is none. */
  readonly service?: { readonly host: string; readonly addresses: readonly HostPort[] };
}

/** Follows who there is to be dialled. */
export interface PeerSource {
  /** Undefined before that is known; the same object until something changes. */
  list(): PeerList | undefined;
  /** Whether a peer that failed to answer is there to answer: listed at this address, and not being deleted. */
  isLive(node: string, address: HostPort): boolean;
  /** What was left out of what was said of them, by reason: how many entries there are of the kind now. */
  readonly leftOut?: ReadonlyMap<string, number>;
  /** Times that it could not be learnt, since the start. */
  readonly internalErrors: number;
  close(): Promise<void>;
}
