import { get } from 'node:https';
import type { Apiserver } from '../../apiserver/start.js';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { renderRate } from '../../metrics/units.js';
import { decideReplicas } from './hpa.js';
import { NETWORKS, PODS, netnsName } from './topology.js';
import { offered } from './traffic.js';

/** A rate that was read, beside the one that was offered. Bytes per second. */
interface Comparison {
  readonly pod: string;
  readonly network: string;
  readonly direction: 'receive' | 'transmit';
  readonly offered: number;
  /** NaN when the API gave none. */
  readonly read: number;
}

export interface Verdict {
  readonly comparisons: readonly Comparison[];
  readonly passed: boolean;
}

/** The rate read may be this far from the one offered. */
const TOLERANCE = 0.05;
/** An HPA on the traffic of one network: average bytes per second and pod. */
const HPA_NETWORK = 'n3';
const HPA_TARGET = 500_000;

/** Reads the rates as an HPA would, over HTTPS, network by network. */
export async function measure(server: Apiserver, windowMs: number): Promise<Verdict> {
  const comparisons: Comparison[] = [];
  for (const direction of ['receive', 'transmit'] as const) {
    for (const network of NETWORKS) {
      const selector = `network=${network.network},window=${windowMs / 1_000}s`;
      const values = await fetchRates(server, `network_${direction}_bytes_per_second`, selector);
      for (const [index, pod] of PODS.entries()) {
        const read = values.get(netnsName(pod)) ?? NaN;
        comparisons.push({
          pod,
          network: network.network,
          direction,
          offered: offered(direction, index, network),
          read,
        });
      }
    }
  }
  return { comparisons, passed: comparisons.every((one) => Math.abs(deviation(one)) <= TOLERANCE) };
}

export function renderVerdict({ comparisons, passed }: Verdict): string {
  const rows = comparisons.map((one) => [
    one.pod,
    one.network,
    one.direction,
    renderRate(one.offered, 'B/s'),
    renderRate(one.read, 'B/s'),
    Number.isNaN(one.read) ? 'absent' : `${(deviation(one) * 100).toFixed(2)} %`,
  ]);
  const table = [['POD', 'NETWORK', 'DIRECTION', 'OFFERED', 'READ', 'OFF BY'], ...rows];
  const lines = table.map((cells) =>
    cells
      .map((cell, i) => (i < 3 ? cell.padEnd(10) : cell.padStart(12)))
      .join(' ')
      .trimEnd(),
  );
  const values = comparisons
    .filter(({ network, direction }) => network === HPA_NETWORK && direction === 'receive')
    .map(({ read }) => read);
  const { average, desiredReplicas } = decideReplicas(values, HPA_TARGET);
  return [
    '',
    ...lines,
    '',
    passed ? 'Every rate is within 5 % of what was offered.' : 'Some rate is more than 5 % off what was offered.',
    `An HPA with a target of ${renderRate(HPA_TARGET, 'B/s')} a pod on network ${HPA_NETWORK} (network_receive_bytes_per_second) sees an`,
    `average of ${renderRate(average, 'B/s')} over ${values.length} pods and wants ${desiredReplicas} replicas.`,
    '',
  ].join('\n');
}

function deviation({ offered: wanted, read }: Comparison): number {
  return Number.isNaN(read) ? Infinity : read / wanted - 1;
}

/** Values by pod. */
async function fetchRates({ url, ca }: Apiserver, metric: string, selector: string): Promise<Map<string, number>> {
  const path = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/${metric}`;
  const query = new URLSearchParams({ labelSelector: 'app=upf', metricLabelSelector: selector });
  const list = JSON.parse(await fetchText(`${url}${path}?${query.toString()}`, ca)) as MetricValueListV1Beta2;
  return new Map(list.items.map(({ describedObject, value }) => [describedObject.name, parseQuantity(value)]));
}

const SUFFIXES: Readonly<Record<string, number>> = { m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 };

function parseQuantity(text: string): number {
  const match = /^(-?\d+)([mkMGTP]?)$/.exec(text);
  return match === null ? NaN : Number(match[1]) * (SUFFIXES[match[2] ?? ''] ?? NaN);
}

async function fetchText(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { ca }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${url}: HTTP ${response.statusCode}: ${text}`));
      });
    }).on('error', reject);
  });
}
