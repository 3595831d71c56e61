/** A network by its name and the namespace of its NetworkAttachmentDefinition, empty for a CNI's own. */
export interface Network {
  readonly network: string;
  readonly nadNamespace: string;
}

/** What an annotation names: `<namespace>/<name>`, or a bare name. */
export function parseNetwork(text: string): Network {
  const slash = text.indexOf('/');
  return { network: text.slice(slash + 1), nadNamespace: text.slice(0, Math.max(0, slash)) };
}

interface OnNetwork {
  readonly meta: Network;
}

/**
 * Networks of an annotation that no interface of a report is on: its traffic is not among what is reported. Bare names are those of
 * CNIs, which an agent may know by another: they prove nothing.
 */
export function unreportedNetworks(annotated: readonly string[], interfaces: Iterable<OnNetwork>): Network[] {
  if (annotated.length === 0) return [];
  const reported = new Set([...interfaces].map(({ meta }) => `${meta.nadNamespace}/${meta.network}`));
  return annotated.filter((name) => name.includes('/') && !reported.has(name)).map(parseNetwork);
}
