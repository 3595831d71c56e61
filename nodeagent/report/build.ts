import {
  NODE_REPORT_VERSION,
  type InterfaceReport,
  type NodeReport,
  type PodReport,
} from '../../openapi/node-report.js';
import type { Pod } from '../inventory/pod.js';
import { readingsOf, type Rows, type StoredSample } from './history.js';

/** What of a report does not change from one to the next. */
export interface Sender {
  readonly node: string;
  readonly role: NodeReport['role'];
  readonly bootId: string;
  readonly instance: NodeReport['instance'];
  readonly intervalMs: number;
  readonly agentVersion: string;
}

type InterfaceMeta = Omit<InterfaceReport, 'readings'>;

/** A pod and its interfaces as they were when they were last read. */
export interface KnownPod {
  readonly pod: Pod;
  /** Undefined before they were first read: that is not known, and not none. */
  readonly interfaces: readonly InterfaceMeta[] | undefined;
}

export interface ReportParts {
  readonly sender: Sender;
  readonly pods: readonly KnownPod[];
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

function* writeReport({ sender, pods, samples, sequence, collectors, sentAt }: ReportParts): Generator<string> {
  const envelope: Omit<NodeReport, 'pods' | 'sentAt'> = {
    apiVersion: NODE_REPORT_VERSION,
    kind: 'NodeReport',
    ...sender,
    sequence,
    samples: samples.map(({ sequence: number, takenAt }) => ({ sequence: number, takenAt })),
    collectors,
  };
  yield `${JSON.stringify(envelope).slice(0, -1)},"pods":[`;
  const generations = new Set(samples.map(({ rows }) => rows));
  for (const [i, known] of pods.entries()) {
    yield (i === 0 ? '' : ',') + JSON.stringify(buildPod(known, samples, generations));
  }
  yield `],"sentAt":${sentAt()}}`;
}

function buildPod(
  { pod, interfaces }: KnownPod,
  samples: readonly StoredSample[],
  generations: ReadonlySet<Rows>,
): PodReport {
  const { namespace, name, uid, creationTimestamp, labels, workload, hostNetwork, machine } = pod;
  return {
    ...{ namespace, name, uid, creationTimestamp, labels, hostNetwork },
    ...(workload !== undefined && { workload }),
    ...(machine !== undefined && { machine }),
    ...(interfaces !== undefined && {
      interfaces: interfaces.flatMap((meta) =>
        identitiesOf(uid, meta, generations).map((identity) => ({
          ...meta,
          identity,
          readings: readingsOf({ uid, name: meta.name, identity }, samples),
        })),
      ),
    }),
  };
}

/** The identity of an interface, and before it each earlier one of its name that the samples still hold. */
function identitiesOf(uid: string, { name, identity }: InterfaceMeta, generations: ReadonlySet<Rows>): string[] {
  const earlier = new Set([...generations].flatMap((rows) => rows.identityOf(uid, name) ?? []));
  earlier.delete(identity);
  return [...earlier, identity];
}
