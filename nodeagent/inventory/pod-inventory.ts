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
  readonly close: () => Promise<void>;
}
