import { createHash } from 'node:crypto';
import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import { isRecord, isText, metadataOf, textsOf } from '../../runtime/kube/objects.js';
import { networkStatusText } from '../../runtime/kube/pod-annotations.js';
import { workloadOf } from '../../runtime/kube/workload.js';
import { listedAddresses } from './listed-addresses.js';
import type { ListedPod } from './listed-pod.js';
import { parseNetworkStatus, type AnnotationProblem } from './network-status.js';
import { isNamespace, isObjectName, isToken } from './report-names.js';

/** A pod, and what is wrong with its network annotation. */
export interface DecodedPod {
  readonly pod: ListedPod;
  readonly badAnnotation?: BadAnnotation;
}

export interface BadAnnotation {
  readonly reasons: ReadonlySet<AnnotationProblem>;
  /** Equal for equal texts: the text itself may be large. */
  readonly digest: string;
  /** How it begins, for the log. */
  readonly excerpt: string;
}

type Json = Readonly<Record<string, unknown>>;

/** The kubelet's, of the pod that it makes for each of its static ones (kubernetes, pkg/kubelet/types/pod_update.go). */
const MIRROR = 'kubernetes.io/config.mirror';
/** The uid of that static pod: it is in the names of its cgroups. */
const STATIC_UID = 'kubernetes.io/config.hash';
/** The API server writes no other (RFC 3339, metav1.Time). */
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;
/** As much as a report may have. */
const MAX_IMAGE = 1_024;
const EXCERPT = 100;
/** As many as are kept of one sandbox of a runtime. */
const MAX_CONTAINERS = 256;
const MAX_CLAIMS = 256;

/**
 * Keeps of a pod what the agent needs.
 * @returns undefined for what is not a pod of this node
 */
export function decodeListedPod(object: unknown, node: string): DecodedPod | undefined {
  const metadata = metadataOf(object);
  const spec = recordOf(object, 'spec');
  const status = recordOf(object, 'status');
  const { name, namespace, uid, creationTimestamp } = metadata;
  if (spec['nodeName'] !== node) return undefined;
  if (!isFitting(name, isObjectName) || !isFitting(namespace, isNamespace) || !isFitting(uid, isToken))
    return undefined;
  if (typeof creationTimestamp !== 'string' || !TIMESTAMP.test(creationTimestamp)) return undefined;
  const annotations = textsOf(metadata['annotations']);
  const statusText = networkStatusText(annotations) ?? '';
  const { attachments, devices, problems } = parseNetworkStatus(statusText);
  const workload = workloadIn(metadata);
  const containers = containersOf(spec, status);
  const container = firstContainer(spec, status, containers);
  const resourceClaims = claimsOf(spec, status);
  const isHostNetwork = spec['hostNetwork'] === true;
  const pod: ListedPod = {
    ...{ namespace, name, uid, creationTimestamp },
    labels: labelsOf(metadata),
    ...(workload !== undefined && { workload }),
    hostNetwork: isHostNetwork,
    attachments,
    ...(devices.length > 0 && { devices }),
    cgroupUid: cgroupUidOf(uid, annotations),
    phase: phaseOf(status),
    isTerminating: isText(metadata['deletionTimestamp']),
    ...(!isHostNetwork && { addresses: listedAddresses(status, statusText) }),
    ...(container !== undefined && { container }),
    ...(containers.length > 0 && { containers }),
    ...(resourceClaims.length > 0 && { resourceClaims }),
  };
  return { pod, ...(problems.size > 0 && { badAnnotation: describeBad(statusText, problems) }) };
}

function isFitting(value: unknown, fits: (text: string) => boolean): value is string {
  return typeof value === 'string' && fits(value);
}

/** Empty where there is none. */
function recordOf(object: unknown, field: string): Json {
  const value = isRecord(object) ? object[field] : undefined;
  return isRecord(value) ? value : {};
}

function labelsOf(metadata: Json): ListedPod['labels'] {
  return Object.fromEntries(Object.entries(textsOf(metadata['labels'])).slice(0, REPORT_LIMITS.labelsPerPod));
}

function workloadIn(metadata: Json): ListedPod['workload'] {
  const workload = workloadOf(metadata['ownerReferences'], textsOf(metadata['labels']));
  return workload !== undefined && isObjectName(workload.kind) && isObjectName(workload.name) ? workload : undefined;
}

function cgroupUidOf(uid: string, annotations: Readonly<Record<string, string>>): string {
  const staticUid = annotations[MIRROR] === undefined ? undefined : annotations[STATIC_UID];
  return staticUid !== undefined && isToken(staticUid) ? staticUid : uid;
}

/** A pod without a phase has just been made: the API server writes Pending. */
function phaseOf({ phase = 'Pending', podIP, podIPs }: Json): ListedPod['phase'] {
  if (phase === 'Succeeded' || phase === 'Failed') return 'ended';
  const hasAddress = isText(podIP) || (Array.isArray(podIPs) && podIPs.length > 0);
  return phase === 'Pending' && !hasAddress ? 'waiting' : 'running';
}

/** The first that is specified; what `containersOf` keeps of it is shared. */
function firstContainer(spec: Json, status: Json, containers: Containers): ListedPod['container'] {
  const first = listOf(spec, 'containers')[0];
  const known = containers.find(({ name }) => name === first?.['name']);
  if (known === undefined) return undefined;
  const found = listOf(status, 'containerStatuses').find((one) => one['name'] === known.name);
  const image = [found?.['image'], first?.['image']].find(isText) ?? '';
  if (image.length > MAX_IMAGE) return undefined;
  return { ...known, image };
}

type Containers = NonNullable<ListedPod['containers']>;

/**
 * Those that run as long as the pod does: its containers, and after them the init containers that are always restarted (KEP-753). Init
 * containers that run to their end have ended before these begin. A name is one container (kubernetes validates that).
 */
function containersOf(spec: Json, status: Json): Containers {
  const sidecars = listOf(spec, 'initContainers').filter((one) => one['restartPolicy'] === 'Always');
  const specified = [...listOf(spec, 'containers'), ...sidecars].slice(0, MAX_CONTAINERS);
  const statuses = [...listOf(status, 'containerStatuses'), ...listOf(status, 'initContainerStatuses')];
  const ids = new Map(statuses.map((one) => [one['name'], containerIdOf(one['containerID'])]));
  return specified.flatMap(({ name }) => {
    if (!isFitting(name, isObjectName)) return [];
    const id = ids.get(name);
    return [{ name, ...(id !== undefined && { id }) }];
  });
}

/**
 * ResourceClaims that were made from a template for it, that it names itself, and that stand for its extended resources (KEP-5004).
 * @see k8s.io/api/core/v1, PodResourceClaim, PodResourceClaimStatus and PodExtendedResourceClaimStatus
 */
function claimsOf(spec: Json, status: Json): readonly string[] {
  const listed = [...listOf(status, 'resourceClaimStatuses'), ...listOf(spec, 'resourceClaims')];
  if (status['extendedResourceClaimStatus'] !== undefined) listed.push(recordOf(status, 'extendedResourceClaimStatus'));
  const names = listed.slice(0, MAX_CLAIMS).map((one) => one['resourceClaimName']);
  return [...new Set(names.filter((name): name is string => isFitting(name, isObjectName)))];
}

function listOf(record: Json, field: string): readonly Json[] {
  const value = record[field];
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/** Of `<runtime>://<id>`. */
function containerIdOf(value: unknown): string | undefined {
  const id = isText(value) ? value.replace(/^[^/]*:\/\//, '') : '';
  return id !== '' && isToken(id) ? id : undefined;
}

function describeBad(text: string, reasons: ReadonlySet<AnnotationProblem>): BadAnnotation {
  return {
    reasons,
    digest: createHash('sha256').update(text).digest('base64'),
    excerpt: Buffer.from(text.slice(0, EXCERPT)).toString('utf8'), // a copy: a slice would keep the whole text
  };
}
