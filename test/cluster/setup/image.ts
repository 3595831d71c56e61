import type { Cluster } from '../cluster.js';
import { listAt } from '../json.js';

/** With a tag, in whatever registry; some mirrors write something before or behind the name. */
const PAUSE = /(^|[/-])pause(-[a-z0-9]+)?:[^@]+$/;

/**
 * The image of the pods' sandboxes, which nodes have without having to fetch it.
 * @throws {TypeError} when no node lists it: a kubelet tells of its 50 largest images, and this is the smallest
 */
export async function pauseImage(cluster: Cluster): Promise<string> {
  const nodes = await cluster.list('/api/v1/nodes?limit=500');
  const names = nodes.flatMap((node) => listAt(node, 'status', 'images').flatMap((image) => listAt(image, 'names')));
  const found = names.map(String).find((name) => PAUSE.test(name));
  if (found === undefined)
    throw new TypeError('no node lists a pause image: give --image, of anything that does not end');
  return found;
}
