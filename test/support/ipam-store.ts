import assert from 'node:assert/strict';
import { checkReport } from '../../apiserver/ingest/check.js';
import type { NodeSeries } from '../../apiserver/store/node-series.js';
import { Store, type StoreOptions } from '../../apiserver/store/store.js';
import { ipamFigureOf, type IpamFigure } from '../../metrics/ipam/figures.js';
import type { NodeReport } from '../../openapi/node-report.js';

/** How far the server's clock is ahead of the nodes'. */
const OFFSET_MS = 7_000_000;
/** A time of the nodes' clocks as the server's. */
export const now = (atMs: number): number => atMs + OFFSET_MS;

export function newStore(overrides: Partial<StoreOptions> = {}): Store {
  return new Store({ historyMs: 300_000, ...overrides });
}

/** Takes a report as it comes off the wire, when it was sent, or so much later. */
export function ingest(store: Store, report: NodeReport, delayMs = 0): NodeSeries {
  const { report: accepted, rejections } = checkReport(JSON.parse(JSON.stringify(report)));
  assert.deepEqual(rejections.named, []);
  const outcome = store.ingest(accepted, now(report.sentAt) + delayMs);
  assert.ok(outcome.ok);
  return outcome.node;
}

/** @param name such as ipam_eni_max */
export function figure(name: string): IpamFigure {
  const found = ipamFigureOf(name);
  assert.ok(found !== undefined, name);
  return found;
}
