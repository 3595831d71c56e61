import type { Clock } from '../../runtime/clock.js';

/** A moment at which both clocks are known. */
export interface WallAnchor {
  readonly monotonicMs: number;
  /** Milliseconds since 1970. */
  readonly wallMs: number;
  /** The two belong together but for this. */
  readonly errorMs: number;
}

/** Good enough: less than what the paths of a network differ by, there and back. */
const GOOD_ERROR_MS = 0.05;
/** Three ticks: where the machine is that busy a worse one has to do. */
const LONGEST_MS = 3;

/** A look at the wall clock, and the times between which it was. */
interface Look {
  readonly beforeMs: number;
  readonly wallMs: number;
  readonly afterMs: number;
}

/**
 * Reads the wall clock more finely than it shows. Date.now() gives whole milliseconds, rounded down, and there is nothing finer that follows
 * the clock when it is set (`performance.timeOrigin` is of the start of the process). But when it ticks from one millisecond to the next it
 * stands at just that one: so it is looked at until it does, between turns of the event loop, which holds up nobody.
 * @param turn waits for a turn of the event loop
 */
export async function anchorWallClock(
  clock: Clock,
  turn: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<WallAnchor> {
  let look = lookAt(clock);
  const endMs = look.afterMs + LONGEST_MS;
  let best = anchorOf(look, undefined);
  while (best.errorMs > GOOD_ERROR_MS && look.afterMs < endMs && !signal.aborted) {
    await turn();
    const next = lookAt(clock);
    const anchor = anchorOf(next, look);
    if (isStepped(best, next)) best = anchor;
    if (anchor.errorMs < best.errorMs) best = anchor;
    look = next;
  }
  return best;
}

/** Whether the wall clock was set since, rather than went on with the monotonic one. */
export function hasStepped(anchor: WallAnchor, clock: Clock): boolean {
  return isStepped(anchor, lookAt(clock));
}

/** The wall clock of a moment soon after the anchor, milliseconds since 1970. */
export function wallAt(anchor: WallAnchor, monotonicMs: number): number {
  return anchor.wallMs + (monotonicMs - anchor.monotonicMs);
}

function lookAt(clock: Clock): Look {
  const beforeMs = clock.monotonicMs();
  const wallMs = clock.wallMs();
  return { beforeMs, wallMs, afterMs: clock.monotonicMs() };
}

/** When the wall clock stood at what was seen: at most a millisecond ago, and not before a look that still saw the one before. */
function anchorOf({ beforeMs, wallMs, afterMs }: Look, previous: Look | undefined): WallAnchor {
  const hasTicked = previous !== undefined && wallMs === previous.wallMs + 1;
  const earliestMs = hasTicked ? Math.max(previous.beforeMs, beforeMs - 1) : beforeMs - 1;
  return { monotonicMs: (earliestMs + afterMs) / 2, wallMs, errorMs: (afterMs - earliestMs) / 2 };
}

/** What is slewed (adjtimex(2): 0.5 ms a second; chronyd up to 83) is no step while an exchange lasts some milliseconds. */
const SLEWED_MS = 1;

function isStepped(anchor: WallAnchor, { beforeMs, wallMs, afterMs }: Look): boolean {
  const slackMs = anchor.errorMs + SLEWED_MS;
  return wallMs + 1 < wallAt(anchor, beforeMs) - slackMs || wallMs > wallAt(anchor, afterMs) + slackMs;
}
