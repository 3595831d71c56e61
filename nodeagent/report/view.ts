import type { InterfaceView, NodeView, PodView } from '../../metrics/node-families.js';
import type { KnownPod } from './build.js';
import { readingsOf, transportOf, type StoredSample } from './history.js';

/** The newest reading in some samples of every pod and interface, ordered by name. */
export function viewOf(node: string, known: readonly KnownPod[], samples: readonly StoredSample[]): NodeView {
  const ordered = [...known].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  return { node, pods: ordered.map((pod) => podView(pod, samples)) };
}

function podView({ pod, interfaces = [] }: KnownPod, samples: readonly StoredSample[]): PodView {
  const { uid } = pod;
  const transport = newestOf(transportOf(uid, samples));
  return {
    meta: pod,
    interfaces: interfaces.map((meta): InterfaceView => {
      const { name, identity } = meta;
      return { meta, counters: newestOf(readingsOf({ uid, name, identity }, samples)) ?? [] };
    }),
    ...(transport && { transport }),
  };
}

function keyOf({ pod }: KnownPod): string {
  return `${pod.namespace}/${pod.name}`;
}

function newestOf(readings: readonly (readonly (number | null)[] | null)[]): number[] | undefined {
  const newest = readings.findLast((reading) => reading !== null);
  return newest?.map((value) => value ?? NaN);
}
