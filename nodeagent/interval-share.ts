import { createHash } from 'node:crypto';

const BYTES = 6;

/**
 * Where in its interval an agent samples and pushes, 0 to 1: always the same for the same agent, and even over all of a cluster's.
 *
 * The monotonic clocks of nodes that were booted at different times are spread as well. Those that power came back to at once, and
 * virtual machines resumed from one snapshot, have nearly the same; and so they would push in the same moment.
 */
export function intervalShare(node: string, role: string): number {
  const hash = createHash('sha256').update(`${role}/${node}`).digest();
  return hash.readUIntBE(0, BYTES) / 2 ** (8 * BYTES);
}
