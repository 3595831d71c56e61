import { Registry } from 'prom-client';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/logger.js';
import type { Sleep } from '../../runtime/sleep.js';
import type { IpamFigures } from '../store/ipam/ipam-figures.js';
import { createSink } from './create-sink.js';
import type { PublishOptions } from './options.js';
import type { PublisherLease } from './progress.js';
import { createPublishMetrics } from './publish-metrics.js';
import { startPublisher } from './publisher.js';

export interface PublishingDeps {
  readonly figures: IpamFigures;
  /** Of the replica that publishes; undefined without Kubernetes. */
  readonly lease: PublisherLease | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Standard output: where a dry run prints. */
  readonly writeOut: (text: string) => void;
  readonly sleep?: Sleep | undefined;
}

/**
 * Publishing as the options ask for it. A dry run is each replica's own: it must not tell the others that anything was published, nor
 * /metrics, whose figures are of what CloudWatch took.
 */
export function startPublishing(
  options: PublishOptions,
  { figures, lease, clock, log, registry, env, writeOut, sleep }: PublishingDeps,
): { close(): Promise<void> } {
  const { publishCloudwatchDryRun: isDry } = options;
  return startPublisher({
    ...{ figures, clock, log },
    sink: createSink(options, { env, log, writeOut }),
    lease: isDry ? undefined : lease,
    metrics: createPublishMetrics(isDry ? new Registry() : registry),
    intervalMs: options.publishCloudwatchInterval,
    random: Math.random,
    ...(sleep !== undefined && { sleep }),
  });
}
