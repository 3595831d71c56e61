import type { PutMetricDataCommandInput } from '@aws-sdk/client-cloudwatch';
import { SendError, type Datum } from './sink.js';

/** As cni-metrics-helper has it, and the dashboards that were made for it. */
const NAMESPACE = 'Kubernetes';
const DIMENSION = 'CLUSTER_ID';

/** CloudWatch takes values from -2^360 to 2^360, and none nearer to 0 than 2^-360 but 0 itself. @see CloudWatch API reference, MetricDatum */
const GREATEST = 2 ** 360;
const LEAST = 2 ** -360;
const LONGEST_NAME = 255;

/**
 * What CloudWatch would not take of a value, and refuse the others of its request with; undefined when there is nothing.
 * A publisher asks this before it puts the value beside others.
 */
export function whyUnpublishable({ name, value, timestampMs }: Datum): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(name) || name.length > LONGEST_NAME || name.startsWith(':')) {
    return `the name has to be 1 to ${LONGEST_NAME} printable characters`;
  }
  if (!Number.isFinite(value) || Math.abs(value) > GREATEST) return `${value} is out of CloudWatch's range`;
  return Number.isFinite(new Date(timestampMs).getTime()) ? undefined : `${timestampMs} is no time`;
}

/**
 * The request for some values.
 * @throws {SendError} invalid, when one of them could never be taken
 */
export function putMetricDataInput(clusterId: string, datums: readonly Datum[]): PutMetricDataCommandInput {
  for (const datum of datums) {
    const reason = whyUnpublishable(datum);
    if (reason !== undefined) throw new SendError('invalid', `${datum.name}: ${reason}`);
  }
  return {
    Namespace: NAMESPACE,
    MetricData: datums.map(({ name, unit, value, timestampMs }) => ({
      MetricName: name,
      Dimensions: [{ Name: DIMENSION, Value: clusterId }],
      Timestamp: new Date(timestampMs),
      Value: Math.abs(value) < LEAST ? 0 : value,
      Unit: unit,
    })),
  };
}
