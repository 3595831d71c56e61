import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { addProcessMetrics } from '../metrics/process-metrics.js';
import type { Clock } from '../runtime/clock.js';
import type { SeriesLimit } from './exposition/series-limit.js';
import { SampleAges } from './sample-ages.js';
import type { Store } from './store/store.js';

/** What the apiserver says of itself, on the same /metrics. */
export interface SelfMetrics {
  readonly registry: Registry;
  readonly reports: Counter<'result' | 'reason'>;
  readonly rejectedEntries: Counter<'reason'>;
  readonly reportBytes: Counter<'encoding'>;
  readonly clockSteps: Counter;
  readonly expositionFailures: Counter;
  readonly ingestSeconds: Histogram;
  readonly queueReports: Gauge;
  readonly queueBytes: Gauge;
  readonly queueSeconds: Histogram;
  readonly requestSeconds: Histogram<'route' | 'code'>;
  readonly sampleAges: SampleAges;
}

/** Seconds; an HPA query is to take less than 10 ms, an ingest less than 20. */
const BUCKETS = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** Seconds; where it would be more than five, reports are shed. */
const QUEUE_BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Seconds; at the default interval, 15 s, no figure is to be older than 16, and none is older than 45. */
const AGE_BUCKETS = [0.5, 1, 2, 5, 10, 15, 16, 20, 30, 45, 60, 120, 300];

export function createSelfMetrics(
  registry: Registry,
  {
    store,
    clock,
    version,
    seriesLimit,
  }: {
    readonly store: Store;
    readonly clock: Clock;
    readonly version: string;
    readonly seriesLimit?: Pick<SeriesLimit, 'max' | 'limited'> | undefined;
  },
): SelfMetrics {
  const registers = [registry];
  addProcessMetrics(registry, 'podnet_apiserver', version);
  addLimitMetrics(registry, seriesLimit);
  new Gauge({
    name: 'podnet_apiserver_nodes',
    help: 'Agents that report, by whether their newest sample is fresh enough to be served.',
    labelNames: ['state'],
    registers,
    collect() {
      const nodes = store.nodes();
      const fresh = nodes.filter((node) => node.isFresh(clock.monotonicMs())).length;
      this.set({ state: 'fresh' }, fresh);
      this.set({ state: 'stale' }, nodes.length - fresh);
    },
  });
  new Gauge({
    name: 'podnet_apiserver_pods',
    help: 'Pods in the reports held.',
    registers,
    collect() {
      this.set(store.nodes().reduce((sum, node) => sum + node.pods.size, 0));
    },
  });
  return {
    registry,
    reports: new Counter({
      name: 'podnet_apiserver_reports_total',
      help: 'Node reports by result: accepted, repeated (nothing new in it) or refused, with the reason of the Status.',
      labelNames: ['result', 'reason'],
      registers,
    }),
    rejectedEntries: new Counter({
      name: 'podnet_apiserver_report_entries_rejected_total',
      help: 'Entries left out of accepted reports, by reason.',
      labelNames: ['reason'],
      registers,
    }),
    reportBytes: new Counter({
      name: 'podnet_apiserver_report_bytes_total',
      help: 'Bytes of node reports as they came (gzip) and inflated (identity).',
      labelNames: ['encoding'],
      registers,
    }),
    clockSteps: new Counter({
      name: 'podnet_apiserver_node_clock_steps_total',
      help: "Times a node's monotonic clock stepped, so that its history was forgotten.",
      registers,
    }),
    expositionFailures: new Counter({
      name: 'podnet_apiserver_exposition_failures_total',
      help: 'Times the lines of a node could not be made: it is left out of /metrics until its next report; or those of a family of the cluster.',
      registers,
    }),
    ingestSeconds: new Histogram({
      name: 'podnet_apiserver_ingest_duration_seconds',
      help: 'Time to inflate, check, store and render one report.',
      buckets: BUCKETS,
      registers,
    }),
    queueReports: new Gauge({
      name: 'podnet_apiserver_ingest_queue_reports',
      help: 'Reports that wait to be worked off.',
      registers,
    }),
    queueBytes: new Gauge({
      name: 'podnet_apiserver_ingest_queue_bytes',
      help: 'Size of the reports that wait to be worked off, as they came.',
      registers,
    }),
    queueSeconds: new Histogram({
      name: 'podnet_apiserver_ingest_queue_wait_seconds',
      help: 'Time that a report waited before it was worked off. Those that were shed meanwhile are refused with TooManyRequests.',
      buckets: QUEUE_BUCKETS,
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'podnet_apiserver_request_duration_seconds',
      help: 'Time to answer a request, by route and status code.',
      labelNames: ['route', 'code'],
      buckets: BUCKETS,
      registers,
    }),
    sampleAges: new SampleAges({
      name: 'podnet_apiserver_sample_age_seconds',
      help: 'Age of each value answered on custom.metrics.k8s.io and external.metrics.k8s.io (group): of the oldest sample that it ends with.',
      buckets: AGE_BUCKETS,
      registers,
    }),
  };
}

function addLimitMetrics(registry: Registry, limit?: Pick<SeriesLimit, 'max' | 'limited'>): void {
  const registers = [registry];
  new Gauge({
    name: 'podnet_apiserver_max_series',
    help: 'The --max-series of each namespace; 0: no limit.',
    registers,
  }).set(limit?.max ?? 0);
  new Gauge({
    name: 'podnet_apiserver_pods_beyond_max_series',
    help: 'Pods of a namespace that /metrics does not show for --max-series: they are added up in podnet_workload_*. Raise it where each is wanted.',
    labelNames: ['namespace'],
    registers,
    collect() {
      this.reset();
      for (const [namespace, pods] of limit?.limited() ?? []) this.set({ namespace }, pods);
    },
  });
}
