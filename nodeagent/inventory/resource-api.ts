import { KubeError, type KubeApi } from '../../runtime/kube/api.js';
import { listPages } from '../../runtime/kube/list-pages.js';
import {
  decodeResourceClaim,
  decodeResourceSlice,
  type DecodedClaim,
  type DecodedSlice,
} from './decode-resource-claim.js';

/** Those that a server may serve, the newest first. Older ones have no status of devices. */
const VERSIONS = ['v1', 'v1beta2', 'v1beta1'] as const;
type Version = (typeof VERSIONS)[number];

const TIMEOUT_MS = 10_000;
/** A slice has 128 devices at most; a node with more VFs than a report may have does not exist. */
const MAX_SLICES = 1_024;

/** Reads the objects of Dynamic Resource Allocation in whichever version the server has. */
export class ResourceApi {
  readonly #api: KubeApi;
  /** The last one that was answered. */
  #version: Version = VERSIONS[0];

  constructor(api: KubeApi) {
    this.#api = api;
  }

  /**
   * @returns undefined where there is no such claim
   * @throws {KubeError} with status 404 where the server has none of the versions
   */
  async claim(namespace: string, name: string, signal: AbortSignal): Promise<DecodedClaim | undefined> {
    return this.#inAnyVersion(async (root) => {
      const path = `${root}/namespaces/${encodeURIComponent(namespace)}/resourceclaims/${encodeURIComponent(name)}`;
      try {
        return decodeResourceClaim(await this.#api.request({ method: 'GET', path, signal, timeoutMs: TIMEOUT_MS }));
      } catch (error) {
        if (isObjectMissing(error)) return undefined;
        throw error;
      }
    });
  }

  /**
   * The slices of a node.
   * @throws {KubeError} as above
   */
  async slices(node: string, signal: AbortSignal): Promise<DecodedSlice[]> {
    return this.#inAnyVersion(async (root) => {
      const slices: DecodedSlice[] = [];
      await listPages({
        ...{ api: this.#api, signal, accept: 'application/json' },
        path: `${root}/resourceslices?fieldSelector=${encodeURIComponent(`spec.nodeName=${node}`)}`,
        onRestart: () => (slices.length = 0),
        onPage: (items) => {
          for (const item of items) {
            const slice = slices.length < MAX_SLICES ? decodeResourceSlice(item) : undefined;
            if (slice !== undefined) slices.push(slice);
          }
        },
      });
      return slices;
    });
  }

  async #inAnyVersion<T>(ask: (root: string) => Promise<T>): Promise<T> {
    const known = this.#version;
    for (const version of [known, ...VERSIONS.filter((one) => one !== known)]) {
      try {
        const answer = await ask(`/apis/resource.k8s.io/${version}`);
        this.#version = version;
        return answer;
      } catch (error) {
        if (!isNotServed(error)) throw error;
      }
    }
    throw new KubeError('the server has no resource.k8s.io of a version that is known here', 404, '');
  }
}

/** The object is not there, as against its kind: the server names it then (apimachinery, NewNotFound and NewGenericServerResponse). */
function isObjectMissing(error: unknown): boolean {
  return isNotFound(error) && / "[^"]*" not found/.test(error.message);
}

/** Of a path that it does not serve a server says `404 page not found`, and that is no Status. */
function isNotServed(error: unknown): boolean {
  return isNotFound(error) && !isObjectMissing(error);
}

function isNotFound(error: unknown): error is KubeError {
  return error instanceof KubeError && error.statusCode === 404;
}
