import type { Network } from '../../metrics/network.js';

/** What an annotation names: `<namespace>/<name>`, or a bare name. */
export function parseNetwork(text: string): Network {
  const slash = text.indexOf('/');
  return { network: text.slice(slash + 1), nadNamespace: text.slice(0, Math.max(0, slash)) };
}

const NONE: readonly Network[] = [];

interface OnNetwork {
  readonly meta: Network;
}

/**
 * Networks of an annotation that no interface of a report is on: its traffic is not among what is reported. Bare names are those of
 * CNIs, which an agent may know by another: they prove nothing.
 */
export function unreportedNetworks(
  annotated: readonly string[],
  interfaces: ReadonlyMap<string, OnNetwork>,
): readonly Network[] {
  let missing: Network[] | undefined; // nearly always none, of pods by the ten thousand
  for (const text of annotated) {
    if (!text.includes('/') || isReported(text, interfaces)) continue;
    missing ??= [];
    missing.push(parseNetwork(text));
  }
  return missing ?? NONE;
}

function isReported(text: string, interfaces: ReadonlyMap<string, OnNetwork>): boolean {
  for (const { meta } of interfaces.values()) {
    const { network, nadNamespace } = meta;
    const isAsLong = text.length === nadNamespace.length + 1 + network.length;
    if (isAsLong && text === `${nadNamespace}/${network}`) return true;
  }
  return false;
}
