import type { CloudWatchClientConfig } from '@aws-sdk/client-cloudwatch';
import { Deadline } from '../../runtime/kube/deadline.js';
import { follow, watchedConnections } from './exchange.js';
import { putMetricDataInput } from './put-metric-data.js';
import { sendErrorOf } from './send-failures.js';
import type { Sink } from './sink.js';
import { untilAborted } from './until-aborted.js';

export interface CloudWatchSinkOptions {
  /** Value of the dimension of every datum. */
  readonly clusterId: string;
  readonly region: string;
  /** URL; that of the region where it is left out. */
  readonly endpoint?: string | undefined;
  /** Of a request, with the credentials and the connection that it needs. */
  readonly timeoutMs: number;
}

/** Before the SDK's default chain of credentials goes on to the instance's, it must not take version 1 of the metadata service either. */
const WITHOUT_IMDS_V1 = { ec2MetadataV1Disabled: true };

/**
 * Sends to CloudWatch with PutMetricData, each request once. Credentials are those of the SDK's default chain: environment, shared files,
 * IRSA, EKS Pod Identity, instance.
 */
export async function createCloudWatchSink(options: CloudWatchSinkOptions): Promise<Sink> {
  const { clusterId, region, endpoint, timeoutMs } = options;
  const { CloudWatchClient, PutMetricDataCommand } = await import('./aws-client.js');
  const config: CloudWatchClientConfig = {
    ...WITHOUT_IMDS_V1,
    region,
    ...(endpoint !== undefined && { endpoint }),
    maxAttempts: 1, // the publisher tries again, and counts
    requestHandler: watchedConnections(timeoutMs),
    disableRequestCompression: true, // emulators do not all know it, and a request is some kilobytes
  };
  const client = new CloudWatchClient(config);
  return {
    send: async (datums, signal, mayGo = () => true) => {
      const command = new PutMetricDataCommand(putMetricDataInput(clusterId, datums));
      const deadline = new Deadline(timeoutMs, signal);
      const progress = follow(command, mayGo);
      try {
        // credentials may hang, and hear of no signal
        await Promise.race([client.send(command, { abortSignal: deadline.signal }), untilAborted(deadline.signal)]);
      } catch (error) {
        const gaveUp = deadline.hasPassed ? 'timeout' : signal.aborted ? 'program' : undefined;
        throw sendErrorOf({ error, progress, gaveUp, timeoutMs });
      } finally {
        deadline.close();
      }
    },
  };
}
