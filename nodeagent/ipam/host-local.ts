import type { Clock } from '../../runtime/clock.js';
import type { AddressOwners } from './host-local-owners.js';
import type { IpamSource } from './source.js';

export interface HostLocalDeps {
  /** `--path.cni-networks`: a directory for each network, in it a file for each address that is given. */
  readonly networksPath: string;
  /** `--path.cni-conf`: where the CNI configuration of the node is. */
  readonly confPath: string;
  /** Undefined where nobody can tell whose addresses are (no list of pods): leaked addresses are not told then. */
  readonly owners: () => AddressOwners | undefined;
  readonly clock: Clock;
}

/** What the CNI plugin host-local has given of its ranges. */
export function createHostLocalSource(_deps: HostLocalDeps): IpamSource {
  return { name: 'host-local', read: () => Promise.reject(new Error('not yet')) };
}
