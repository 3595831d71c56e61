import type { IpamSourceReport } from '../../openapi/ipam-report.js';
import type { InterfaceReport, NodeReport, PodReport } from '../../openapi/node-report.js';
import { NODE_REPORT_VERSION, REPORT_LIMITS, type SkipReason } from '../../openapi/report-terms.js';
import { NO_DEVICES, type DeviceState } from '../devices/device-book.js';
import type { Pod } from '../inventory/pod.js';
import { readingsOf, transportOf, type InterfaceMeta, type Rows, type StoredSample } from './history.js';

/** What of a report does not change from one to the next. */
export interface Sender {
  readonly node: string;
  readonly role: NodeReport['role'];
  readonly bootId: string;
  readonly instance: NodeReport['instance'];
  readonly intervalMs: number;
  readonly agentVersion: string;
}

/** Told of an interface that was made anew again and again. */
const EARLIER_IDENTITIES = 4;

/** A pod and its interfaces as they were when they were last read. */
export interface KnownPod {
  readonly pod: Pod;
  /** Undefined before they were first read: that is not known, and not none. */
  readonly interfaces: readonly InterfaceMeta[] | undefined;
  /** Why they could not be read in the last round; absent where they were. */
  readonly skipped?: SkipReason;
}

export interface ReportParts {
  readonly sender: Sender;
  readonly pods: readonly KnownPod[];
  readonly devices?: DeviceState;
  /** Absent: nothing of IP addresses is looked for. */
  readonly ipam?: readonly IpamSourceReport[];
  /** Oldest first. */
  readonly samples: readonly StoredSample[];
  readonly sequence: number;
  readonly collectors: NodeReport['collectors'];
  /** Asked last: whatever goes before the sending must not make the samples look younger. */
  readonly sentAt: () => number;
}

/** A report that is still to be written. */
export interface ReportDraft {
  readonly samples: number;
  /** JSON in pieces of about a pod, each made when it is asked for, so that who writes it may do other things in between. */
  readonly pieces: Iterable<string>;
}

/** The report of a node, with the samples that its server lacks. */
export function draftReport(parts: ReportParts): ReportDraft {
  return { samples: parts.samples.length, pieces: writeReport(parts) };
}

function* writeReport({
  sender,
  pods,
  devices = NO_DEVICES,
  ipam,
  samples,
  sequence,
  collectors,
  sentAt,
}: ReportParts): Generator<string> {
  const envelope: Omit<NodeReport, 'ipam' | 'pods' | 'sentAt'> = {
    apiVersion: NODE_REPORT_VERSION,
    kind: 'NodeReport',
    ...sender,
    sequence,
    samples: samples.map(({ sequence: number, takenAt }) => ({ sequence: number, takenAt })),
    collectors,
    ...deviceParts(devices),
  };
  yield JSON.stringify(envelope).slice(0, -1);
  if (ipam !== undefined) yield* writeIpam(ipam);
  yield ',"pods":[';
  const generations = new Set(samples.map(({ rows }) => rows));
  let spare = REPORT_LIMITS.interfaces - pods.reduce((sum, { interfaces = [] }) => sum + interfaces.length, 0);
  for (const [i, known] of pods.entries()) {
    const told = { ...readPod(known, { samples, generations, spare }), ...devices.ofPods.get(known.pod.uid) };
    spare -= (told.interfaces?.length ?? 0) - (known.interfaces?.length ?? 0);
    yield (i === 0 ? '' : ',') + joinObjects(describe(known.pod), JSON.stringify(told));
  }
  yield `],"sentAt":${sentAt()}}`;
}

/** A source may have as much to tell as a hundred pods. */
function* writeIpam(sources: readonly IpamSourceReport[]): Generator<string> {
  yield ',"ipam":[';
  for (const [i, source] of sources.entries()) yield (i === 0 ? '' : ',') + JSON.stringify(source);
  yield ']';
}

/** Of a node without any there is little to say: that it has none. */
function deviceParts({ physicalFunctions, virtualFunctions, cpus }: DeviceState): Partial<NodeReport> {
  return {
    ...(physicalFunctions.length > 0 && { physicalFunctions: [...physicalFunctions] }),
    ...(virtualFunctions !== undefined && { virtualFunctions: [...virtualFunctions] }),
    ...(cpus.length > 0 && { cpus: [...cpus] }),
  };
}

interface Past {
  readonly samples: readonly StoredSample[];
  readonly generations: ReadonlySet<Rows>;
  /** Entries that the report has room for besides those of the present. */
  readonly spare: number;
}

/** JSON of what is said of a pod in each report: a pod that is described anew is another object. */
const descriptions = new WeakMap<Pod, string>();

function describe(pod: Pod): string {
  const known = descriptions.get(pod);
  if (known !== undefined) return known;
  const { namespace, name, uid, creationTimestamp, labels, workload, hostNetwork, machine, container } = pod;
  const said: PodReport = {
    ...{ namespace, name, uid, creationTimestamp, labels, hostNetwork },
    ...(workload !== undefined && { workload }),
    ...(machine !== undefined && { machine }),
    ...(container !== undefined && { container }),
  };
  const text = JSON.stringify(said);
  descriptions.set(pod, text);
  return text;
}

/** JSON of two objects as that of one with the members of both. @param first has some */
function joinObjects(first: string, second: string): string {
  return second === '{}' ? first : `${first.slice(0, -1)},${second.slice(1)}`;
}

/** What was counted of a pod. */
function readPod(
  { pod, interfaces, skipped }: KnownPod,
  past: Past,
): Pick<PodReport, 'interfaces' | 'skipped' | 'transport'> {
  const transport = transportOf(pod.uid, past.samples);
  return {
    ...(interfaces !== undefined && { interfaces: buildInterfaces(pod.uid, interfaces, past) }),
    ...(skipped !== undefined && { skipped }),
    ...(transport.some((row) => row !== null) && { transport }),
  };
}

/**
 * Each interface, and before it the newest earlier identities of its name that the samples still hold and there is room for, as they
 * were then: another device of the same name may have been on another network.
 */
function buildInterfaces(
  uid: string,
  interfaces: readonly InterfaceMeta[],
  { samples, generations, spare }: Past,
): InterfaceReport[] {
  let room = Math.min(spare, REPORT_LIMITS.interfacesPerPod - interfaces.length);
  return interfaces.flatMap((present) => {
    const { name, identity } = present;
    const readings = readingsOf({ uid, name, identity }, samples);
    // No sample has two identities of a name: each of these has read the present one.
    if (!readings.includes(null)) return [{ ...present, readings }];
    const earlier = new Map<string, InterfaceMeta>();
    for (const rows of generations) {
      const meta = rows.metaOf(uid, name);
      if (meta !== undefined && meta.identity !== identity) earlier.set(meta.identity, meta);
    }
    const told = [...earlier.values()].slice(Math.max(0, earlier.size - Math.min(room, EARLIER_IDENTITIES)));
    room -= told.length;
    const before = told.map((meta) => ({
      ...meta,
      readings: readingsOf({ uid, name, identity: meta.identity }, samples),
    }));
    return [...before, { ...present, readings }];
  });
}
