import { NetlinkError, NetlinkParseError, NetlinkRefusedError } from '../rtnetlink/errors.js';
import type { SourceOff } from '../source-states.js';

/** Where a source says how it fares. */
export interface NetlinkState {
  up(): void;
  off(reason: SourceOff, detail: string): void;
}

/** A process that ended, a namespace that is gone. */
const GONE = new Set(['ESRCH', 'ENOENT', 'EINVAL', 'ENODEV']);

/** What netlink refuses, or fails at, is told; anything else is thrown on. Whoever was asked for is gone: that is no failure. */
export function tellFailure(state: NetlinkState, error: unknown): void {
  if (!(error instanceof NetlinkError) && !(error instanceof NetlinkParseError)) throw error;
  if (error instanceof NetlinkRefusedError && GONE.has(error.reason)) return;
  const isDenied = error instanceof NetlinkError && error.isDenied;
  state.off(isDenied ? 'not_permitted' : 'failed', error.message);
}
