/** A network by its name and the namespace of its NetworkAttachmentDefinition, empty for a CNI's own. */
export interface Network {
  readonly network: string;
  readonly nadNamespace: string;
}
