/** The addresses of a pod that lives and has a network of its own. */
export interface PodAddresses {
  /** IPv4 and IPv6. Empty: none is known yet. */
  readonly addresses: readonly string[];
  /** Whether it surely has no others: its network annotation tells those of all its networks. */
  readonly areAll: boolean;
  /** Wall clock of the API server, milliseconds since 1970. */
  readonly createdMs: number;
}

/** Who may have addresses on this node, as far as that can be told now. */
export interface AddressOwners {
  /** Ids of the sandboxes of living pods, all of them. Absent where the runtime is not asked, or does not answer. */
  readonly sandboxIds?: ReadonlySet<string>;
  /** All living pods of the node that are not in its own network. Absent where that is not known for now. */
  readonly pods?: readonly PodAddresses[];
}
