// One pod, default/web-0, through the whole server: what is pushed of it, and what is answered.
import assert from 'node:assert/strict';
import type { NodeReport } from '../../openapi/node-report.js';
import { metricPath, type TestServer } from './app.js';
import { interfaceReport, nodeReport, podReport, readingOf } from './reports.js';

const METRIC = 'network_receive_bytes_per_second';

/** The value of a pod by its name; undefined where it is absent. */
export async function valueOf(
  server: TestServer,
  pod = 'web-0',
  metricLabelSelector = '',
): Promise<string | undefined> {
  const query = metricLabelSelector === '' ? {} : { metricLabelSelector };
  const { statusCode, body } = await server.get(metricPath(pod, METRIC, query));
  assert.ok(statusCode === 200 || statusCode === 404, body.message);
  return statusCode === 200 ? body.items[0]?.value : undefined;
}

/** Lines of the receive counter. */
export async function metricsOf(server: TestServer): Promise<string> {
  return (await server.get('/metrics?family=podnet_interface_receive_bytes_total')).text;
}

/** A report whose only pod has received so much by that second of the node's clock. */
export function report(
  second: number,
  value: number,
  overrides: Partial<NodeReport> = {},
  identity = '1/3',
): NodeReport {
  const interfaces = [interfaceReport({ identity, readings: [readingOf(value)] })];
  return nodeReport(second * 1_000, { pods: [podReport({ interfaces })], ...overrides });
}

/** Pushes, each a second after the one before. */
export async function pushAll(server: TestServer, ...reports: readonly NodeReport[]): Promise<void> {
  for (const one of reports) {
    server.clock.advance(1_000);
    const { statusCode, body } = await server.push(one);
    assert.equal(statusCode, 200, body.message);
  }
}
