import type { InterfaceView, IpamSourceView, NodeView, PodView } from '../../metrics/node-families.js';
import type { DeviceState } from '../devices/device-book.js';
import type { KnownPod } from './build.js';
import { readingsOf, transportOf, type StoredSample } from './history.js';

export interface ViewParts {
  readonly node: string;
  readonly pods: readonly KnownPod[];
  readonly samples: readonly StoredSample[];
  readonly devices: DeviceState;
  /** Of the present. */
  readonly ipam: readonly IpamSourceView[];
}

/** The newest reading in some samples of every pod and interface, ordered by name, and of the devices. */
export function viewOf({ node, pods, samples, devices, ipam }: ViewParts): NodeView {
  const ordered = [...pods].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const { physicalFunctions, virtualFunctions = [], cpus, unlistedCpus } = devices;
  return {
    node,
    pods: ordered.map((pod) => podView(pod, samples, devices)),
    devices: { physicalFunctions, virtualFunctions, cpus, unlistedCpus },
    ipam,
  };
}

function podView(
  { pod, interfaces = [] }: KnownPod,
  samples: readonly StoredSample[],
  { ofPods }: DeviceState,
): PodView {
  const { uid } = pod;
  const transport = newestOf(transportOf(uid, samples));
  return {
    meta: ofPods.has(uid) ? { ...pod, ...ofPods.get(uid) } : pod,
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
