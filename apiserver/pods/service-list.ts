/** What is kept of a Service. */
export interface ApiService {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined where the Service selects no pods: its endpoints are made by somebody else, or it is an alias. */
  readonly selector?: Readonly<Record<string, string>>;
}

/** The Services of the cluster. */
export interface ServiceList {
  /** Whether the list is whole and still being watched. */
  readonly isCurrent: boolean;
  get(namespace: string, name: string): ApiService | undefined;
  inNamespace(namespace: string): Iterable<ApiService>;
}
