import type { KnownClaims } from '../devices/claims.js';
import type { AddressOwners } from '../ipam/host-local-owners.js';
import type { PodSource } from './pod.js';

/** Where the pods of the node come from, and all that it takes to follow them. */
export interface PodInventory {
  readonly source: PodSource;
  /** Resolved as soon as it can tell which pods there are. */
  readonly ready: Promise<void>;
  /** To be called for a process that turned out to be in another namespace. */
  readonly forget: (pid: number) => void;
  /** To be called when the pods were asked for: says what is known of the sources. */
  readonly tell: () => void;
  /**
   * What the ResourceClaims of the pods say of these devices, as far as it is known now; asks for the rest. Absent where nobody is asked.
   * @param virtualFunctions PCI addresses, in lower case
   */
  readonly claims?: (virtualFunctions: ReadonlySet<string>) => KnownClaims;
  /** Who may have addresses on this node; undefined where nobody can tell for now. Absent where nobody is asked. */
  readonly owners?: () => AddressOwners | undefined;
  readonly close: () => Promise<void>;
}
