import { Counter, Gauge, type Registry } from 'prom-client';
import type { SendFailure } from './sink.js';

/** Why values are never sent: for their age, because they cannot be taken, because of a clock that was far ahead. */
export type DropReason = 'expired' | 'invalid' | 'clock';

/** What the apiserver says of its publishing to CloudWatch. */
export interface PublishMetrics {
  readonly published: Counter;
  readonly requests: Counter<'result'>;
  readonly dropped: Counter<'reason'>;
  readonly possibleDuplicates: Counter;
  readonly queuePeriods: Gauge;
  readonly isPublisher: Gauge;
  /** Absent before anything was published. */
  readonly lastPublished: Gauge;
}

const RESULTS: readonly ('taken' | SendFailure)[] = [
  ...(['taken', 'throttled', 'denied', 'unavailable', 'unconfigured', 'invalid', 'lost'] as const),
];
const REASONS: readonly DropReason[] = ['expired', 'invalid', 'clock'];

export function createPublishMetrics(registry: Registry): PublishMetrics {
  const registers = [registry];
  const metrics: PublishMetrics = {
    published: new Counter({
      name: 'podnet_apiserver_cloudwatch_published_values_total',
      help: 'Values that CloudWatch took from this replica.',
      registers,
    }),
    requests: new Counter({
      name: 'podnet_apiserver_cloudwatch_requests_total',
      help: 'Requests to CloudWatch by result: taken, or why not (lost: no answer came). All but invalid are made again.',
      labelNames: ['result'],
      registers,
    }),
    dropped: new Counter({
      name: 'podnet_apiserver_cloudwatch_dropped_values_total',
      help: 'Values that this replica had and gave up, by reason: expired (two hours old and not known to be published by any replica), invalid (CloudWatch refuses them for good) or clock (sampled while the clock was far ahead).',
      labelNames: ['reason'],
      registers,
    }),
    possibleDuplicates: new Counter({
      name: 'podnet_apiserver_cloudwatch_possible_duplicates_total',
      help: 'Values sent again because the answer to the first time was lost: CloudWatch may have them twice.',
      registers,
    }),
    queuePeriods: new Gauge({
      name: 'podnet_apiserver_cloudwatch_queue_periods',
      help: 'Pushes (of two samples each) not known to be published, the present one included. More than two: publishing is behind.',
      registers,
    }),
    isPublisher: new Gauge({
      name: 'podnet_apiserver_cloudwatch_is_publisher',
      help: 'Whether this is the replica that publishes: 1 or 0.',
      registers,
    }),
    lastPublished: new Gauge({
      name: 'podnet_apiserver_cloudwatch_last_published_timestamp_seconds',
      help: 'Time of the newest value that CloudWatch took from this replica, seconds since 1970. Absent before the first.',
      registers,
    }),
  };
  // A counter that first appears when it is 1 has no rate.
  for (const result of RESULTS) metrics.requests.inc({ result }, 0);
  for (const reason of REASONS) metrics.dropped.inc({ reason }, 0);
  metrics.lastPublished.remove();
  return metrics;
}
