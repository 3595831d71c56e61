// Pods of which --max-series may leave some out, and what /metrics has of them.
import assert from 'node:assert/strict';
import type { PodReport } from '../../openapi/node-report.js';
import type { TestServer } from './app.js';
import { interfaceReport, nodeReport, podReport, readingOf, transportOf } from './reports.js';

/** A pod with one interface and transport counters: 1 + 9 + 12 series. */
export const OF_A_POD = 22;
const WEB = { kind: 'Deployment', name: 'web' };

/** The nth pod of a namespace, created n seconds after the first. */
export function pod(n: number, value: number, overrides: Partial<PodReport> = {}): PodReport {
  return podReport({
    ...{ name: `web-${n}`, uid: `uid-${n}`, workload: WEB },
    creationTimestamp: new Date(Date.UTC(2026, 10, 20, 10, 0, n)).toISOString(),
    interfaces: [interfaceReport({ identity: `${n}/3`, readings: [readingOf(value)] })],
    transport: [transportOf(value)],
    ...overrides,
  });
}

/** Reports of a node, each a second after the one before. */
export function agent(server: TestServer, node = 'node-a') {
  const bootMs = server.clock.monotonicMs();
  return async (...pods: PodReport[]): Promise<void> => {
    server.clock.advance(1_000);
    const upMs = server.clock.monotonicMs() - bootMs;
    const { statusCode, body } = await server.push(nodeReport(upMs, { node, bootId: node, pods }));
    assert.equal(statusCode, 200, body.message);
  };
}

/** The lines of a text that are of one family, or of several that begin so. */
export function linesOf(text: string, family: string): string[] {
  return text.split('\n').filter((line) => line.startsWith(family));
}

export async function podsOf(server: TestServer, query = ''): Promise<string[]> {
  const { text } = await server.get(`/metrics${query}`);
  return [...new Set([...text.matchAll(/[{,]pod="([^"]+)"/g)].map(([, name = '']) => name))].sort();
}

export async function totalOf(
  server: TestServer,
  family = 'podnet_workload_network_receive_bytes_total',
): Promise<string> {
  return linesOf((await server.get('/metrics')).text, family)
    .map((line) => line.slice(line.lastIndexOf(' ') + 1))
    .join();
}
