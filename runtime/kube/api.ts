/** One request to the Kubernetes API. */
export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query, such as `/api/v1/pods?limit=500`. */
  readonly path: string;
  readonly body?: object;
  /** `application/json` where nothing is said. */
  readonly accept?: string;
  /** Of the body: `application/json` where nothing is said. */
  readonly contentType?: string;
  /** For the whole answer; a watch: until its first line, and between two of them. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Of a watch: called when the server has accepted it, before its first event. */
  readonly onOpen?: () => void;
}

/** The Kubernetes API as this project needs it: `client.ts` makes one from a kubeconfig or the service account of the pod. */
export interface KubeApi {
  /**
   * The JSON body of a 2xx answer; undefined where it has none.
   * @throws {KubeError}
   */
  request(request: KubeRequest): Promise<unknown>;
  /**
   * Events of a watch, each as parsed JSON, until the server ends it or the signal aborts.
   * @throws {KubeError} also in the middle, when the connection breaks
   */
  watch(request: KubeRequest): AsyncIterable<unknown>;
}

/** A request to the Kubernetes API failed: it said so, or nothing usable came back. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly code = 'KUBE_API';

  constructor(
    message: string,
    /** HTTP status; undefined where there was no answer: unreachable, timed out, not JSON, too large. */
    readonly statusCode: number | undefined,
    /** Of the `Status` that came back, such as NotFound, Conflict, Expired; empty where there is none. */
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
