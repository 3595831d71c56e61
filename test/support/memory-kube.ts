import { KubeError, type KubeApi } from '../../runtime/kube/api.js';
import { parseLocation } from './kube-api/location.js';
import { Objects } from './kube-api/objects.js';
import { asObject } from './kube-api/serve.js';
import { StatusError } from './kube-api/status.js';

/** The objects of the test's Kubernetes API without HTTP, for tests of a thousand requests. */
export function createMemoryKube(): KubeApi {
  const objects = new Objects();
  return {
    request: async ({ method, path, body }) => {
      await Promise.resolve();
      const location = parseLocation(path);
      if (location === undefined) throw new KubeError(`no such path: ${path}`, 404, 'NotFound');
      try {
        if (method === 'GET') return objects.get(location);
        const object = asObject(structuredClone(body));
        return method === 'POST' ? objects.create(location, object) : objects.update(location, object);
      } catch (error) {
        if (error instanceof StatusError) throw new KubeError(error.message, error.code, error.reason);
        throw error;
      }
    },
    watch: () => {
      throw new Error('not needed');
    },
  };
}
