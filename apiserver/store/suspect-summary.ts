import type { Suspicion } from './suspects.js';

/** Whether most of its probers see a node failing or slow: one of them may itself be what is slow. */
export function isSuspect({ seeing, probers }: Suspicion): boolean {
  return seeing * 2 > probers;
}

/** The one seen worst, of equals that seen by more, then the first; undefined of none. */
export function worstOf(suspicions: readonly Suspicion[]): Suspicion | undefined {
  let worst = suspicions[0];
  for (const one of suspicions) {
    if (worst === undefined || one.ratio > worst.ratio) worst = one;
    else if (one.ratio === worst.ratio && one.seeing > worst.seeing) worst = one;
  }
  return worst;
}

/** How the nodes are, in a sentence that names none of them; undefined where nobody probes. @param suspicions ordered by node */
export function suspectSummary(suspicions: readonly Suspicion[]): string | undefined {
  const worst = worstOf(suspicions);
  if (worst === undefined) return undefined;
  const nodes = countNodes(suspicions);
  const suspect = countNodes(suspicions.filter(isSuspect));
  const counted = `${suspect} of ${nodes} nodes ${suspect === 1 ? 'is' : 'are'} suspect`;
  if (worst.seeing === 0) return counted;
  return `${counted}, the worst is seen failing or slow by ${worst.seeing} of ${worst.probers} probers on ${worst.network}`;
}

function countNodes(suspicions: readonly Suspicion[]): number {
  return suspicions.filter(({ node }, i) => node !== suspicions[i - 1]?.node).length;
}
