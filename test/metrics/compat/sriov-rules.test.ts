// A real Prometheus scrapes two nodes of the same hardware, and evaluates what users of the predecessor have.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { Compat } from '../../../metrics/compat/compat.js';
import type { NodeView, PodDescription } from '../../../metrics/node-families.js';
import { renderHeader } from '../../../metrics/render.js';
import { VF_COUNTERS } from '../../../openapi/report-terms.js';
import { serveTexts } from '../../support/cadvisor.js';
import { ownerOf, virtualFunction } from '../../support/device-view.js';
import { eventually } from '../../support/programs.js';
import { startPrometheus, type Prometheus, type Series } from '../../support/prometheus.js';
import { missing } from '../../support/requirements.js';

const POD: PodDescription = { namespace: 'telco', name: 'upf', uid: 'u1', labels: {}, hostNetwork: false };
const STATS = [
  ...['rx_bytes', 'rx_packets', 'rx_dropped', 'rx_broadcast', 'rx_multicast'],
  ...['tx_bytes', 'tx_packets', 'tx_dropped'],
];

/** A VF of a pod, and one that nobody has. */
function nodeView(node: string, first: number): NodeView {
  const rawFrom = (value: number) => Object.fromEntries(VF_COUNTERS.map((counter, i) => [counter, `${value + i}`]));
  const meta = { ...POD, name: `upf-${node}`, uid: node };
  const virtualFunctions = [
    virtualFunction(0, { owner: ownerOf(meta), raw: rawFrom(first), numaNode: 0 }),
    virtualFunction(1, { raw: rawFrom(first + 500) }),
  ];
  return { node, pods: [{ meta, interfaces: [] }], devices: { physicalFunctions: [], virtualFunctions, cpus: [] } };
}

function expositionOf(view: NodeView): string {
  const compat = new Compat(['sriov-network-metrics-exporter']);
  const lines = compat.render(view);
  return compat.families
    .flatMap((family, i) => ((lines[i] ?? '') === '' ? [] : [renderHeader(family, 'text') + (lines[i] ?? '')]))
    .join('');
}

/** What tells a series apart, but for its name. */
function labelled(series: readonly Series[]): string[] {
  return series
    .map(({ metric: { __name__: _name, instance: _instance, job: _job, ...labels }, value }) =>
      JSON.stringify([Object.entries(labels).sort(), value]),
    )
    .sort();
}

/** The expression of a rule of the operator. */
const ruleOf = (stat: string, match: string, selector = '') =>
  `sriov_vf_${stat}${selector} * on (${match}) group_left(pod,namespace,dev_type) sriov_kubepoddevice${selector}`;

describe('rules over the series of sriov-network-metrics-exporter', { skip: missing('prometheus', 'promtool') }, () => {
  const views = [nodeView('node-a', 1_000), nodeView('node-b', 2_000)];
  let texts: Awaited<ReturnType<typeof serveTexts>>;
  let prometheus: Prometheus;

  before(async () => {
    texts = await serveTexts(Object.fromEntries(views.map((view) => [`/${view.node}`, () => expositionOf(view)])));
    const jobs = views.map(
      ({ node }) =>
        `- job_name: ${node}\n  honor_labels: true\n  metrics_path: /${node}\n  static_configs: [{targets: ['${texts.host}'], labels: {node: scraper}}]\n`,
    );
    prometheus = await startPrometheus(`global: {scrape_interval: 1s}\nscrape_configs:\n${jobs.join('')}`);
    await eventually(
      () => prometheus.query('up == 1'),
      (up) => up.length === views.length,
      30_000,
    );
  });

  after(async () => {
    await prometheus.close();
    await texts.close();
  });

  test('what a rule records of one node is what is scraped', async () => {
    for (const stat of STATS) {
      const scraped = labelled(await prometheus.query(`network:sriov_vf_${stat}{node="node-a"}`));
      assert.equal(scraped.length, 1, stat);
      assert.deepEqual(labelled(await prometheus.query(ruleOf(stat, 'pciAddr', '{node="node-a"}'))), scraped);
    }
  });

  // Fault of sriov-network-metrics-exporter: a PCI address is taken for one device in the whole cluster.
  test('of two nodes a rule has to join by the node as well, as documented', async () => {
    const documented = await readFile('docs/migrate/sriov-network-metrics-exporter.md', 'utf8');
    await assert.rejects(prometheus.query(ruleOf('rx_bytes', 'pciAddr')), (error: Error) => {
      const [, said = 'none'] = /`(found duplicate series[^`]*)`/.exec(documented) ?? [];
      return error.message.includes(said);
    });
    assert.ok(documented.includes('on (node, pciAddr)'));
    const joined = await prometheus.query(ruleOf('rx_bytes', 'node, pciAddr'));
    assert.deepEqual(joined.map(({ metric, value }) => [metric['node'], metric['pod'], metric['vf'], value]).sort(), [
      ['node-a', 'upf-node-a', '0', 1_000],
      ['node-b', 'upf-node-b', '0', 2_000],
    ]);
    assert.deepEqual(labelled(joined), labelled(await prometheus.query('network:sriov_vf_rx_bytes')));
  });

  test('promtool reads them, and complains of names alone', () => {
    const input = views.map(expositionOf)[0];
    const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
    assert.equal(status, 3); // lint, where a text that cannot be read is 1
    for (const line of stderr.split('\n').filter((text) => text !== '')) {
      assert.match(line, /^\S+ (label names should be written in 'snake_case'|metric names should not contain ':')/);
    }
  });
});
