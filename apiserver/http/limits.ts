/** What clients may cost. `docs/architecture.md` has the numbers, too. */
export interface Limits {
  /** Open connections of everybody, agents included; one more is closed unanswered. */
  readonly connections: number;
  /** Of one client address, likewise; 0: no limit. */
  readonly connectionsPerAddress: number;
  readonly handshakeTimeoutMs: number;
  /** Of HTTP/1.1, from the connection or from the first byte of a later request to the end of its headers. */
  readonly headersTimeoutMs: number;
  /** To the end of the body: on HTTP/1.1 from the first byte of the request, on HTTP/2 from its headers. */
  readonly requestTimeoutMs: number;
  /** How often the two are looked at on HTTP/1.1: they may be late by this much. */
  readonly timeoutCheckMs: number;
  /** Of a handler that waits for others, such as the Kubernetes API. */
  readonly handlerTimeoutMs: number;
  /** How long a client may take nothing of its answer. */
  readonly stallTimeoutMs: number;
  /** Of a connection without a request. Go's clients keep theirs for 90 s. */
  readonly idleTimeoutMs: number;
  /** How long answers in flight may take at the end of the server. */
  readonly drainTimeoutMs: number;
  /** Names and values. Go's clients send a header for each group of a user: 700 groups are 26 KB. */
  readonly headerBytes: number;
  readonly urlBytes: number;
  /** One part of a path, decoded; names go to 253 characters. */
  readonly paramLength: number;
  /** Of every route but that of reports. */
  readonly bodyBytes: number;
  readonly streamsPerSession: number;
  /** MB of an HTTP/2 session. Node refuses new streams above it, and an aggregator has one session for all of its users. */
  readonly sessionMemory: number;
}

export const LIMITS: Limits = {
  connections: 25_000,
  // A kube-apiserver without HTTP/2 has one for each of the 600 requests that it lets through at once, and keeps 25; an agent has one.
  connectionsPerAddress: 1_000,
  handshakeTimeoutMs: 10_000,
  headersTimeoutMs: 20_000,
  requestTimeoutMs: 30_000,
  timeoutCheckMs: 5_000,
  handlerTimeoutMs: 60_000,
  stallTimeoutMs: 60_000,
  idleTimeoutMs: 95_000,
  drainTimeoutMs: 15_000,
  headerBytes: 65_535,
  urlBytes: 16 * 1024,
  paramLength: 512,
  bodyBytes: 64 * 1024,
  streamsPerSession: 250,
  sessionMemory: 256,
};
