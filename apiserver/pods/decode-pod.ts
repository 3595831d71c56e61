import { isRecord, isText, metadataOf, textsOf } from '../../runtime/kube/objects.js';
import { networkStatusText } from '../../runtime/kube/pod-annotations.js';
import { workloadOf } from '../../runtime/kube/workload.js';
import { Interned } from './interned.js';
import type { ApiPod } from './pod-list.js';

type Labels = ApiPod['labels'];
type Workload = NonNullable<ApiPod['workload']>;

/** As many as a report may have of interfaces. */
const MAX_NETWORKS = 256;
/** Sets of labels that are shared; those of a Deployment's pods are all equal. A StatefulSet's pods have one each. */
const MAX_LABEL_SETS = 20_000;
const MAX_TEXTS = 50_000;
const MAX_WORKLOADS = 20_000;
const MAX_NETWORK_SETS = 5_000;

/** @returns what keeps of a pod (or its metadata) what is needed; undefined of anything else */
export function createPodDecoder(): (object: unknown) => ApiPod | undefined {
  const texts = new Interned<{ readonly text: string }>(MAX_TEXTS);
  const labelSets = new Interned<Labels>(MAX_LABEL_SETS);
  const workloads = new Interned<Workload>(MAX_WORKLOADS);
  const networkSets = new Interned<readonly string[]>(MAX_NETWORK_SETS);
  const share = (text: string): string => texts.share(text, () => ({ text })).text;

  const shareLabels = (labels: Labels): Labels => {
    const entries = Object.entries(labels);
    return labelSets.share(JSON.stringify(entries), () =>
      Object.fromEntries(entries.map(([key, value]) => [share(key), share(value)])),
    );
  };

  return (object) => {
    const metadata = metadataOf(object);
    const { name, namespace, uid, creationTimestamp } = metadata;
    const createdMs = typeof creationTimestamp === 'string' ? Date.parse(creationTimestamp) : NaN;
    if (!isText(name) || !isText(namespace) || !isText(uid) || Number.isNaN(createdMs)) return undefined;
    const labels = textsOf(metadata['labels']);
    const workload = workloadOf(metadata['ownerReferences'], labels);
    const networks = networksOf(metadata['annotations']);
    return {
      namespace: share(namespace),
      name,
      uid,
      labels: shareLabels(labels),
      ...(workload !== undefined && { workload: workloads.share(JSON.stringify(workload), () => workload) }),
      createdMs,
      isTerminating: metadata['deletionTimestamp'] !== undefined,
      networks: networkSets.share(JSON.stringify(networks), () => networks),
    };
  };
}

function networksOf(annotations: unknown): readonly string[] {
  const status = networkStatusText(annotations);
  const parsed = status === undefined ? undefined : parseJson(status);
  if (!Array.isArray(parsed)) return [];
  return parsed
    .slice(0, MAX_NETWORKS)
    .flatMap((one: unknown) => (isRecord(one) && isText(one['name']) ? [one['name']] : []));
}

/** An annotation is what somebody wrote: one that is not JSON says nothing. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
