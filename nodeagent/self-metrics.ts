import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { addProcessMetrics } from '../metrics/process-metrics.js';

/** What the agent says of itself, on its own /metrics. */
export interface SelfMetrics {
  readonly registry: Registry;
  readonly sweepSeconds: Histogram;
  readonly missedSweeps: Counter;
  readonly collectorSuccess: Gauge<'collector'>;
  readonly collectorSeconds: Gauge<'collector'>;
  readonly skippedPods: Gauge<'reason'>;
  readonly cutPods: Gauge<'what'>;
  readonly deniedProcesses: Gauge;
  readonly pods: Gauge;
  readonly apiservers: Gauge<'state'>;
  readonly pushes: Counter<'server' | 'result'>;
  readonly pushRefusals: Counter<'server' | 'reason'>;
  readonly pushSeconds: Histogram<'server'>;
  readonly fileReadable: Gauge<'file'>;
  readonly sourceUp: Gauge<'source' | 'reason'>;
  readonly podListAge: Gauge;
  readonly badAnnotations: Gauge<'reason'>;
  readonly badAllocations: Gauge<'reason'>;
  readonly deviceConflicts: Gauge;
  readonly rejectedIpam: Counter<'source' | 'reason'>;
}

const BUCKETS = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createSelfMetrics(registry: Registry, version: string): SelfMetrics {
  const registers = [registry];
  addProcessMetrics(registry, 'podnet_nodeagent', version);
  const metrics: SelfMetrics = {
    registry,
    sweepSeconds: new Histogram({
      name: 'podnet_nodeagent_sweep_duration_seconds',
      help: 'Time to find the pods and read all counters once.',
      buckets: BUCKETS,
      registers,
    }),
    missedSweeps: new Counter({
      name: 'podnet_nodeagent_sweeps_missed_total',
      help: 'Sweeps left out because the one before took too long.',
      registers,
    }),
    collectorSuccess: new Gauge({
      name: 'podnet_nodeagent_collector_success',
      help: 'Whether the last run of a collector went through.',
      labelNames: ['collector'],
      registers,
    }),
    collectorSeconds: new Gauge({
      name: 'podnet_nodeagent_collector_duration_seconds',
      help: 'Time that the last run of a collector took.',
      labelNames: ['collector'],
      registers,
    }),
    skippedPods: new Gauge({
      name: 'podnet_nodeagent_pods_skipped',
      help: 'Pods that the last sweep could not read, by reason.',
      labelNames: ['reason'],
      registers,
    }),
    cutPods: new Gauge({
      name: 'podnet_nodeagent_pods_cut',
      help: 'Pods that the report has no room for, by what of them is left out: pod, interfaces.',
      labelNames: ['what'],
      registers,
    }),
    deniedProcesses: new Gauge({
      name: 'podnet_nodeagent_processes_denied',
      help: 'Processes whose network namespace the agent may not look at (procfs mounted with hidepid); of --pod-source netns alone.',
      registers,
    }),
    pods: new Gauge({ name: 'podnet_nodeagent_pods', help: 'Pods known to the agent.', registers }),
    apiservers: new Gauge({
      name: 'podnet_nodeagent_apiservers',
      help: 'Apiservers that the agent knows of, by state: pushed_to; left_out, with --service alone: more than 32, or without a port. Absent until it is known which there are.',
      labelNames: ['state'],
      registers,
    }),
    pushes: new Counter({
      name: 'podnet_nodeagent_pushes_total',
      help: 'Pushes by result: ok, refused (the server said no), failed (no answer).',
      labelNames: ['server', 'result'],
      registers,
    }),
    pushRefusals: new Counter({
      name: 'podnet_nodeagent_push_refusals_total',
      help: 'Refused pushes by the reason that belongs to the status code, such as Unauthorized or Forbidden.',
      labelNames: ['server', 'reason'],
      registers,
    }),
    fileReadable: new Gauge({
      name: 'podnet_nodeagent_file_readable',
      help: 'Whether the last attempt to read a file that pushing needs went through: token, server-ca.',
      labelNames: ['file'],
      registers,
    }),
    sourceUp: new Gauge({
      name: 'podnet_nodeagent_source_up',
      help: 'Whether a source of what is known beyond the counters is in use, and if not (0), why.',
      labelNames: ['source', 'reason'],
      registers,
    }),
    podListAge: new Gauge({
      name: 'podnet_nodeagent_pod_list_age_seconds',
      help: "Time since the Kubernetes API last gave a sign of life about this node's pods; NaN before the first; of --pod-source kubernetes alone.",
      registers,
    }),
    badAnnotations: new Gauge({
      name: 'podnet_nodeagent_network_annotations_bad',
      help: 'Pods whose network annotation, or an entry of it, does not say what it ought to, by reason.',
      labelNames: ['reason'],
      registers,
    }),
    deviceConflicts: new Gauge({
      name: 'podnet_nodeagent_device_conflicts',
      help: 'Devices that are said to be of several pods at once, and are given to none.',
      registers,
    }),
    badAllocations: new Gauge({
      name: 'podnet_nodeagent_kubelet_allocations_bad',
      help: "Entries of the kubelet's last answer (pods, containers, devices, CPUs, claims) that were left out, by reason.",
      labelNames: ['reason'],
      registers,
    }),
    rejectedIpam: new Counter({
      name: 'podnet_nodeagent_ipam_entries_rejected_total',
      help: 'Entries of what IP address management told (samples, families, files, ranges) that were left out, by its source and the reason.',
      labelNames: ['source', 'reason'],
      registers,
    }),
    pushSeconds: new Histogram({
      name: 'podnet_nodeagent_push_duration_seconds',
      help: 'Time from building a report to its answer.',
      labelNames: ['server'],
      buckets: BUCKETS,
      registers,
    }),
  };
  // a gauge without labels begins at 0, which would be said of what nobody looks at
  metrics.podListAge.remove();
  metrics.deniedProcesses.remove();
  return metrics;
}
