/** No server is waited for longer, whatever it says: a minute of samples is far less than is kept for it. */
const MAX_MS = 60_000;
const SECOND_MS = 1_000;

/**
 * Delay that a Retry-After asks for, milliseconds; RFC 9110, 10.2.3. A date is none: nobody knows how the clocks of two machines differ.
 */
export function retryAfterMs(header: string | undefined): number {
  return header !== undefined && /^\d+$/.test(header) ? Math.min(MAX_MS, Number(header) * SECOND_MS) : 0;
}
