import type { DeviceOwner, VirtualFunctionReport } from '../../openapi/device-report.js';
import type { DevicesView } from '../../metrics/node-families.js';
import type { NodeSeries } from './node-series.js';
import type { PodSeries } from './pod-series.js';
import type { PodMeta } from './report.js';

/** Whose devices are to be seen. */
export interface ShownPods {
  /** What is to be said of a pod; undefined where it is not to be shown. */
  readonly shown: (pod: PodSeries) => PodMeta | undefined;
  /** Whether the API server's list of pods decides. */
  readonly isListed: boolean;
  /** That of the pods wanted; undefined: all, and what is the node's own. */
  readonly namespace?: string;
}

/** The pod that has a VF, with the word of the API server. */
export interface ShownOwner {
  readonly owner: DeviceOwner;
  /** Undefined where its agent lists no pods, and tells its name alone. */
  readonly pod: { readonly series: PodSeries; readonly meta: PodMeta } | undefined;
}

/** Undefined where nobody has it, or a pod that is not to be shown. */
export function shownOwner(
  node: NodeSeries,
  { owner }: VirtualFunctionReport,
  { shown, isListed, namespace }: ShownPods,
): ShownOwner | undefined {
  if (owner === undefined) return undefined;
  if (owner.podUid === undefined) {
    // A name alone proves nothing to a server that knows the pods.
    const isWanted = !isListed && (namespace ?? owner.namespace) === owner.namespace;
    return isWanted ? { owner, pod: undefined } : undefined;
  }
  const series = node.pods.get(owner.podUid);
  const meta = series && shown(series);
  if (series === undefined || meta === undefined) return undefined;
  return { owner: { ...owner, namespace: meta.namespace, pod: meta.name }, pod: { series, meta } };
}

/** The devices of the newest report; undefined where that said nothing of them. */
export function devicesOf(node: NodeSeries, pods: ShownPods): DevicesView | undefined {
  const { physicalFunctions, virtualFunctions, cpus } = node.devices;
  if (physicalFunctions === undefined && virtualFunctions === undefined && cpus === undefined) return undefined;
  const isOfNode = pods.namespace === undefined;
  return {
    physicalFunctions: isOfNode ? (physicalFunctions ?? []) : [],
    virtualFunctions: (virtualFunctions ?? []).flatMap((reported) => {
      const owner = shownOwner(node, reported, pods)?.owner;
      return owner !== undefined || isOfNode ? [asShown(reported, owner)] : [];
    }),
    cpus: isOfNode ? (cpus ?? []) : [],
  };
}

/** What a pod counted goes with the pod, and counts that are not of the newest sample are for the base alone. */
function asShown(reported: VirtualFunctionReport, owner: DeviceOwner | undefined): VirtualFunctionReport {
  const { owner: _, raw, counted, unattributed, ...rest } = reported;
  const { isCurrent } = rest;
  return {
    ...rest,
    ...(owner !== undefined && { owner }),
    ...(isCurrent && raw !== undefined && { raw }),
    ...(isCurrent && owner !== undefined && counted !== undefined && { counted }),
    ...(isCurrent && unattributed !== undefined && { unattributed }),
  };
}
