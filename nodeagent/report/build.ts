import {
  NODE_REPORT_VERSION,
  type InterfaceReport,
  type NodeReport,
  type PodReport,
} from '../../openapi/node-report.js';
import type { Pod } from '../inventory/pod.js';
import type { StoredSample } from './history.js';

/** What of a report does not change from one to the next. */
export interface Sender {
  readonly node: string;
  readonly role: NodeReport['role'];
  readonly bootId: string;
  readonly instance: NodeReport['instance'];
  readonly intervalMs: number;
  readonly agentVersion: string;
}

/** A pod and its interfaces as they were when they were last read. */
export interface KnownPod {
  readonly pod: Pod;
  /** Undefined before they were first read: that is not known, and not none. */
  readonly interfaces: readonly Omit<InterfaceReport, 'readings'>[] | undefined;
}

export interface ReportParts {
  readonly sender: Sender;
  readonly pods: Iterable<KnownPod>;
  /** Oldest first. */
  readonly samples: readonly StoredSample[];
  readonly sequence: number;
  readonly collectors: NodeReport['collectors'];
  readonly sentAt: number;
}

/** The report of a node, with the samples that its server lacks. */
export function buildReport({ sender, pods, samples, sequence, collectors, sentAt }: ReportParts): NodeReport {
  return {
    apiVersion: NODE_REPORT_VERSION,
    kind: 'NodeReport',
    ...sender,
    sequence,
    sentAt,
    samples: samples.map(({ sequence: number, takenAt }) => ({ sequence: number, takenAt })),
    pods: [...pods].map((known) => buildPod(known, samples)),
    collectors,
  };
}

function buildPod({ pod, interfaces }: KnownPod, samples: readonly StoredSample[]): PodReport {
  const { namespace, name, uid, creationTimestamp, labels, workload, hostNetwork, machine } = pod;
  return {
    ...{ namespace, name, uid, creationTimestamp, labels, hostNetwork },
    ...(workload !== undefined && { workload }),
    ...(machine !== undefined && { machine }),
    ...(interfaces !== undefined && {
      interfaces: interfaces.flatMap((meta) => buildInterface(uid, meta, samples)),
    }),
  };
}

/** The interface as it is now, and before it each earlier one of its name that the samples still hold. */
function buildInterface(
  uid: string,
  meta: NonNullable<KnownPod['interfaces']>[number],
  samples: readonly StoredSample[],
): InterfaceReport[] {
  const { name } = meta;
  const earlier = new Set(samples.flatMap((sample) => sample.identityOf(uid, name) ?? []));
  earlier.delete(meta.identity);
  return [...earlier, meta.identity].map((identity) => ({
    ...meta,
    identity,
    readings: samples.map((sample) => sample.reading({ uid, name, identity })),
  }));
}
