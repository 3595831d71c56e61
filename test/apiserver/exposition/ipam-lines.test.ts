import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Exposition } from '../../../apiserver/exposition/exposition.js';
import { compatTotalLines, ipamClusterLines } from '../../../apiserver/exposition/ipam-lines.js';
import type { IpamFigures, IpamNodes } from '../../../apiserver/store/ipam/ipam-figures.js';
import { Pods } from '../../../apiserver/store/pods.js';
import { Store } from '../../../apiserver/store/store.js';
import { CLUSTER_FAMILIES } from '../../../metrics/catalogue.js';
import { Compat } from '../../../metrics/compat/compat.js';
import { IPAM_FIGURES } from '../../../metrics/ipam/figures.js';

/** Figures of nodes whose totals are given, by the name of the cluster's family. */
function figuresOf(totals: Readonly<Record<string, number>>, nodes: IpamNodes): IpamFigures {
  return {
    nodes: () => nodes,
    total: ({ cluster }) => {
      const value = totals[cluster.name];
      return value === undefined ? undefined : { value, ageMs: 0, spanMs: 0 };
    },
    totalRate: () => undefined,
    ofNode: () => undefined,
    reportingNodes: () => [],
  };
}

/** What a server without nodes prints of the totals. */
function textOf(figures: IpamFigures, filter = {}, format: 'text' | 'openmetrics' = 'text'): string[] {
  const store = new Store({ historyMs: 0 });
  const { totals } = new Compat(['cni-metrics-helper']);
  const cluster = [...ipamClusterLines(figures), ...compatTotalLines(figures, totals)];
  const exposition = new Exposition({ nodes: store, pods: new Pods(store) }, [], { cluster });
  const text = gunzipSync(Buffer.concat([...exposition.gzip(format, 1_000, filter)])).toString();
  return text.split('\n').slice(0, -1);
}

const NODES = { reporting: 3, missing: 1 };

test('totals are families of their own, absent where they are not known', () => {
  const totals = { podnet_ipam_cluster_eni_max: 12, podnet_ipam_cluster_add_ip_req_total: 0 };
  const lines = textOf(figuresOf(totals, NODES)).filter((line) => !line.startsWith('# HELP'));
  assert.deepEqual(lines, [
    '# TYPE podnet_ipam_nodes gauge',
    'podnet_ipam_nodes{state="reporting"} 3',
    'podnet_ipam_nodes{state="missing"} 1',
    '# TYPE podnet_ipam_cluster_eni_max gauge',
    'podnet_ipam_cluster_eni_max 12',
    '# TYPE podnet_ipam_cluster_add_ip_req_total counter',
    'podnet_ipam_cluster_add_ip_req_total 0',
    '# TYPE awscni_eni_max gauge',
    'awscni_eni_max 12',
  ]);
});

test('a total of none of the nodes that ought to tell is absent, and that they are missing is told', () => {
  const lines = textOf(figuresOf({}, { reporting: 0, missing: 4 })).filter((line) => !line.startsWith('#'));
  assert.deepEqual(lines, ['podnet_ipam_nodes{state="reporting"} 0', 'podnet_ipam_nodes{state="missing"} 4']);
  assert.deepEqual(textOf(figuresOf({}, { reporting: 0, missing: 0 })), []);
});

test('they are of no node and of no namespace, and can be asked for by name', () => {
  const figures = figuresOf({ podnet_ipam_cluster_eni_max: 12 }, NODES);
  assert.deepEqual(textOf(figures, { node: 'node-a' }), []);
  assert.deepEqual(textOf(figures, { namespace: 'shop' }), []);
  assert.deepEqual(textOf(figures, { family: 'podnet_ipam_cluster_eni_max' }).slice(2), [
    'podnet_ipam_cluster_eni_max 12',
  ]);
});

test('every figure has its family, and the documentation has all of them', () => {
  const totals = Object.fromEntries(IPAM_FIGURES.map(({ cluster }, i) => [cluster.name, i]));
  const lines = textOf(figuresOf(totals, NODES), {}, 'openmetrics');
  const served = lines.flatMap((line) => /^(podnet_ipam_\w+)/.exec(line)?.[1] ?? []);
  const documented = CLUSTER_FAMILIES.map(({ name }) => name).filter((name) => name.startsWith('podnet_ipam_'));
  assert.deepEqual([...new Set(served)], documented);
});
