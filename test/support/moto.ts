import {
  CloudWatchClient,
  GetMetricStatisticsCommand,
  paginateListMetrics,
  type Datapoint,
  type Metric,
} from '@aws-sdk/client-cloudwatch';
import { join } from 'node:path';
import { run } from './bundle.js';
import { eventually } from './programs.js';
import { freePort } from './prometheus.js';
import { MOTO, MOTO_SERVER } from './requirements.js';

/** A real emulator of CloudWatch, and the SDK to read back what it was sent. */
export interface Moto {
  readonly url: string;
  /** Every metric of a namespace. */
  metrics(namespace: string): Promise<Metric[]>;
  /** One metric, in periods of a minute unless something else is said, the oldest first. */
  statistics(asked: {
    namespace: string;
    name: string;
    clusterId: string;
    unit?: 'Count' | 'Milliseconds';
    periodSeconds?: number;
  }): Promise<Datapoint[]>;
  /** Its answers stop, and come again; what it had is forgotten with it. */
  close(): Promise<void>;
}

export const MOTO_REGION = 'eu-central-1';
/** It takes any. */
const CREDENTIALS = { accessKeyId: 'AKIAPODNETPODNETTEST', secretAccessKey: 'not-a-secret' };
export const MOTO_VARIABLES = {
  AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
};

const MINUTE_S = 60;
const DAY_MS = 86_400_000;
const START_MS = 60_000;

/** @param port - to come back on after an outage; a free one where it is left out */
export async function startMoto(port?: number): Promise<Moto> {
  const served = port ?? (await freePort());
  const url = `http://127.0.0.1:${served}`;
  const program = run('python3', [join(MOTO, MOTO_SERVER), '-H', '127.0.0.1', '-p', String(served)], {
    env: { PYTHONPATH: join(MOTO, 'usr/lib/python3/dist-packages') },
  });
  const isUp = () =>
    fetch(`${url}/moto-api/`).then(
      ({ ok }) => ok,
      () => false,
    );
  await eventually(isUp, (up) => up || program.child.exitCode !== null, START_MS);
  if (program.child.exitCode !== null) throw new Error(program.error());
  const client = new CloudWatchClient({ endpoint: url, region: MOTO_REGION, credentials: CREDENTIALS });
  return {
    url,
    metrics: async (namespace) => {
      const found: Metric[] = [];
      for await (const page of paginateListMetrics({ client }, { Namespace: namespace }))
        found.push(...(page.Metrics ?? []));
      return found;
    },
    statistics: async ({ namespace, name, clusterId, unit, periodSeconds = MINUTE_S }) => {
      const { Datapoints = [] } = await client.send(
        new GetMetricStatisticsCommand({
          ...{ Namespace: namespace, MetricName: name, Dimensions: [{ Name: 'CLUSTER_ID', Value: clusterId }] },
          ...{
            StartTime: new Date(Date.now() - DAY_MS),
            EndTime: new Date(Date.now() + DAY_MS),
            Period: periodSeconds,
          },
          Statistics: ['SampleCount', 'Sum', 'Average', 'Minimum', 'Maximum'],
          ...(unit !== undefined && { Unit: unit }),
        }),
      );
      return Datapoints.sort((a, b) => Number(a.Timestamp) - Number(b.Timestamp));
    },
    close: async () => {
      client.destroy();
      program.child.kill('SIGTERM');
      await program.ended;
    },
  };
}
