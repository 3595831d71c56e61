// A real Prometheus scrapes two agents and the apiserver, all with --compat=cni-metrics-helper, with the rules of docs/migrate/cni-metrics-helper.md.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Compat } from '../../../metrics/compat/compat.js';
import { renderHeader, renderSample } from '../../../metrics/render.js';
import { serveTexts } from '../../support/cadvisor.js';
import { documentedRule } from '../../support/documented-rules.js';
import { addressGauges, ipamFamily, nodeWithIpam } from '../../support/ipam-view.js';
import { eventually } from '../../support/programs.js';
import { startPrometheus, type Prometheus } from '../../support/prometheus.js';
import { missing } from '../../support/requirements.js';

const COMPAT = new Compat(['cni-metrics-helper']);
/** Addresses that pods of each node have. */
const ASSIGNED = { a: 12, b: 30 };

function agentText(assigned: number): string {
  const families = [...addressGauges(60, assigned), ipamFamily('awscni_add_ip_req_count', 'counter', assigned)];
  const served = COMPAT.read(nodeWithIpam({ families }));
  return served.map(({ family, lines }) => renderHeader(family, 'text') + lines).join('');
}

function apiserverText(): string {
  return COMPAT.totals
    .map(({ family, figure }) => {
      const total = figure.reads === 'awscni_assigned_ip_addresses' ? ASSIGNED.a + ASSIGNED.b : 120;
      return renderHeader(family, 'text') + renderSample(family.name, '', total);
    })
    .join('');
}

describe('cni-metrics-helper', { skip: missing('prometheus') }, () => {
  let texts: Awaited<ReturnType<typeof serveTexts>>;
  let prometheus: Prometheus;

  before(async () => {
    texts = await serveTexts({
      '/a': () => agentText(ASSIGNED.a),
      '/b': () => agentText(ASSIGNED.b),
      '/apiserver': apiserverText,
    });
    // Each way of scraping them is a world of its own, which a label tells apart.
    const worlds = [
      ['none', undefined, undefined],
      ['renamed', 'rename-totals', undefined],
      ['dropped', undefined, 'drop-nodes'],
    ] as const;
    const jobs = worlds.flatMap(([world, ofTotals, ofNodes]) => [
      job(world, 'apiserver', ofTotals),
      ...Object.keys(ASSIGNED).map((node) => job(world, node, ofNodes)),
    ]);
    const configs = await Promise.all(jobs);
    prometheus = await startPrometheus(`global: {scrape_interval: 1s}\nscrape_configs:\n${configs.join('')}`);
    await eventually(
      () => prometheus.query('sum_over_time(up[1m]) >= 2'),
      (up) => up.length === configs.length,
      30_000,
    );
  });

  async function job(world: string, target: string, rule: string | undefined): Promise<string> {
    const scrape = `- job_name: ${world}-${target}\n  honor_labels: true\n  metrics_path: /${target}\n`;
    const labels = `  static_configs: [{targets: ['${texts.host}'], labels: {world: ${world}, target: ${target}}}]\n`;
    return scrape + labels + (rule === undefined ? '' : await documentedRule(rule));
  }

  after(async () => {
    await prometheus.close();
    await texts.close();
  });

  const valuesOf = async (expression: string) =>
    (await prometheus.query(expression)).map(({ metric, value }) => [metric['target'] ?? '', value]).sort();

  test('without a rule a sum over both counts twice, as documented', async () => {
    assert.deepEqual(await valuesOf('sum(awscni_assigned_ip_addresses{world="none"})'), [['', 84]]);
  });

  test('rename-totals leaves the names to the nodes, and the totals beside them', async () => {
    assert.deepEqual(await valuesOf('awscni_assigned_ip_addresses{world="renamed"}'), [
      ['a', 12],
      ['b', 30],
    ]);
    assert.deepEqual(await valuesOf('awscni_cluster_assigned_ip_addresses{world="renamed"}'), [['apiserver', 42]]);
    assert.equal((await prometheus.query('{__name__=~"awscni_cluster_.+"}')).length, COMPAT.totals.length);
  });

  test('drop-nodes leaves the totals alone', async () => {
    assert.deepEqual(await valuesOf('awscni_assigned_ip_addresses{world="dropped"}'), [['apiserver', 42]]);
    const names = await prometheus.query('count by (__name__) ({__name__=~"awscni_.+",world="dropped"})');
    assert.deepEqual(
      names.map(({ metric, value }) => [metric['__name__'], value]).sort(),
      COMPAT.totals.map(({ family }) => [family.name, 1]).sort(),
    );
  });
});

// Fault of cni-metrics-helper: beside its six gauges it serves the counters of ipamd, of itself and at 0.
test('of the totals there are six gauges, with its HELP', () => {
  assert.deepEqual(
    COMPAT.totals.map(({ family }) => [family.name, family.type, family.help]),
    [
      [
        ...['awscni_eni_max', 'gauge'],
        'The maximum number of ENIs that can be attached to the instance, accounting for unmanaged ENIs',
      ],
      ['awscni_ip_max', 'gauge', 'The maximum number of IP addresses that can be allocated to the instance'],
      ['awscni_eni_allocated', 'gauge', 'The number of ENIs allocated'],
      ['awscni_total_ip_addresses', 'gauge', 'The total number of IP addresses'],
      ['awscni_assigned_ip_addresses', 'gauge', 'The number of IP addresses assigned to pods'],
      ['awscni_total_ipv4_prefixes', 'gauge', 'The total number of IPv4 prefixes'],
    ],
  );
  assert.ok(COMPAT.totals.every(({ family, figure }) => figure.reads === family.name));
});
