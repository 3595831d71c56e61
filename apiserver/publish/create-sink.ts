import type { Logger } from '../../runtime/logger.js';
import { createCloudWatchSink } from './cloudwatch-sink.js';
import { createDryRunSink } from './dry-run-sink.js';
import { findIdentity } from './identity.js';
import type { PublishOptions } from './options.js';
import type { Sink } from './sink.js';

export interface SinkDeps {
  /** Of the process; the SDK reads its own variables itself. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  /** Standard output. */
  readonly writeOut: (text: string) => void;
}

/**
 * The sink that the options ask for. That of CloudWatch learns at the first request which cluster and region it is in, and keeps it; until
 * then every request throws what is missing. A dry run comes before the real thing, and asks nobody.
 */
export function createSink(options: PublishOptions, { env, log, writeOut }: SinkDeps): Sink {
  const { publishCloudwatchClusterId: clusterId, publishCloudwatchRegion: region } = options;
  if (options.publishCloudwatchDryRun) return createDryRunSink({ clusterId, write: writeOut });
  let sink: Sink | undefined;
  const connect = async (signal: AbortSignal): Promise<Sink> => {
    const identity = await findIdentity({ clusterId, region }, env, signal);
    log.info({ ...identity, endpoint: options.publishCloudwatchEndpoint }, 'publishing to CloudWatch');
    return createCloudWatchSink({
      ...identity,
      endpoint: options.publishCloudwatchEndpoint,
      timeoutMs: options.publishCloudwatchTimeout,
    });
  };
  return {
    send: async (datums, signal, mayGo) => {
      sink ??= await connect(signal);
      await sink.send(datums, signal, mayGo);
    },
  };
}
