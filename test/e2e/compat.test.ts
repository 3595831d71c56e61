// A real Prometheus scrapes what --compat serves beside a cAdvisor, with the relabelling rules of docs/compat.md and docs/migrate/.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { COMPAT_NAMES } from '../../metrics/compat/compat.js';
import type { InterfaceReport, PodReport } from '../../openapi/node-report.js';
import { createTestServer, type TestServer } from '../support/app.js';
import { CONTAINER_NETWORK, PER_SECOND, cadvisorText, serveTexts } from '../support/cadvisor.js';
import { documentedRule } from '../support/documented-rules.js';
import { Testbed } from '../support/netns.js';
import { eventually, fetchText, runApiserver, runNodeagent } from '../support/programs.js';
import { startPrometheus, type Prometheus, type Series } from '../support/prometheus.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../support/reports.js';
import { missing } from '../support/requirements.js';

/** What OpenShift's console asks for a pod, and what follows it. */
const INFO_JOIN = 'on(namespace,pod,interface) group_left(network_name) ( pod_network_name_info )';
const consoleQuery = (direction: 'receive' | 'transmit', selector: string) =>
  `(sum(irate(container_network_${direction}_bytes_total{${selector}}[5m])) by (pod, namespace, interface)) + ${INFO_JOIN}`;

function pod(namespace: string, name: string, ...interfaces: readonly Partial<InterfaceReport>[]): PodReport {
  return podReport({
    ...{ namespace, name, uid: `uid-${namespace}-${name}` },
    interfaces: interfaces.map((one, i) =>
      interfaceReport({ primary: i === 0, identity: `1/${i + 2}`, readings: [readingOf(100 * (i + 1))], ...one }),
    ),
  });
}

const kindnet = { network: 'kindnet' };
const secondary = { name: 'net1', network: 'secondary', nadNamespace: 'nmd' };
const container = { name: 'web', image: 'web:1', cgroup: '/kubepods/podweb/web' };
const PODS = [
  pod('nmd', 'web-0', kindnet, secondary),
  pod('nmd', 'plain', {}, { name: 'tunl0', network: '' }),
  podReport({ namespace: 'nmd', name: 'agent', uid: 'agent', hostNetwork: true, interfaces: [] }),
  pod('bare', 'web-0', kindnet, secondary),
  pod('kept', 'web-0', kindnet),
  pod('twice', 'web-0', kindnet),
  { ...pod('shim', 'web-0', { hostInterface: 'lxc1' }, { ...secondary, hostInterface: 'lxc2' }), container },
  pod('shim', 'plain', { hostInterface: 'lxc3' }),
  pod('renamed', 'web-0', { hostInterface: 'lxc4' }),
];

function cadvisorOf(namespace: string, pod_: string, ...interfaces: readonly string[]) {
  return interfaces.map((name) => ({ namespace, pod: pod_, interface: name }));
}
const WITH_PODS = [
  ...cadvisorOf('nmd', 'web-0', 'eth0', 'net1'),
  ...cadvisorOf('nmd', 'plain', 'eth0', 'tunl0'),
  ...cadvisorOf('nmd', 'agent', 'ens3'),
  ...cadvisorOf('kept', 'web-0', 'eth0'),
  ...cadvisorOf('twice', 'web-0', 'eth0'),
  ...cadvisorOf('renamed', 'web-0', 'eth0'),
];
const OF_NODE = cadvisorOf('', '', 'ens3', 'lxc1', 'lxc2', 'lxc3');
const THEIR_INFO =
  '# TYPE pod_network_name_info gauge\npod_network_name_info{interface="eth0",namespace="kept",network_name="theirs",pod="web-0"} 0\n';

interface Job {
  readonly name: string;
  readonly scrape: string;
  /** Of docs/compat.md and docs/migrate/. */
  readonly rule?: string;
}

async function configOf(jobs: readonly Job[]): Promise<string> {
  const rendered = jobs.map(async ({ name, scrape, rule }) => {
    // As a monitor of the operator labels a target.
    const labels = '{namespace: podnet-system, pod: agent-x, container: nodeagent, node: scraper}';
    const targets = `  honor_labels: true\n${scrape.replaceAll('LABELS', labels)}`;
    return `- job_name: ${name}\n${targets}${rule === undefined ? '' : await documentedRule(rule)}`;
  });
  return `global: {scrape_interval: 1s}\nscrape_configs:\n${(await Promise.all(rendered)).join('')}`;
}

async function scraped(prometheus: Prometheus, jobs: number): Promise<void> {
  await eventually(
    () => prometheus.query('sum_over_time(up[1m]) >= 3'),
    (up) => up.length === jobs,
    30_000,
  );
}

describe('compat', { skip: missing('prometheus', 'promtool') }, () => {
  let server: TestServer;
  let close: () => Promise<void>;
  let texts: Awaited<ReturnType<typeof serveTexts>>;
  let prometheus: Prometheus;
  let ca: Record<string, string>;
  let ours: (namespace: string) => string;
  let other: (path: string) => string;

  before(async () => {
    server = createTestServer({ compat: COMPAT_NAMES });
    await server.push(nodeReport(1_000, { pods: PODS }));
    const listening = await server.listen();
    close = listening.close;
    ca = { 'ca.pem': listening.ca };
    texts = await serveTexts({
      '/pods': () => cadvisorText(WITH_PODS),
      '/node': () => cadvisorText([...OF_NODE, ...cadvisorOf('bare', 'web-0', 'eth0')]),
      '/daemon': () => THEIR_INFO,
    });
    ours = (namespace) =>
      `  scheme: https\n  params: {namespace: [${namespace}]}\n  tls_config: {ca_file: ca.pem}\n  static_configs: [{targets: ['${new URL(listening.url).host}'], labels: LABELS}]\n`;
    other = (path) =>
      `  metrics_path: /${path}\n  static_configs: [{targets: ['${texts.host}'], labels: {node: node-a}}]\n`;
    const jobs = [
      { name: 'nmd', scrape: ours('nmd'), rule: 'drop-intf' },
      { name: 'bare', scrape: ours('bare'), rule: 'as-cadvisor' },
      { name: 'kept', scrape: ours('kept'), rule: 'keep-their-info' },
      { name: 'shim', scrape: ours('shim') },
      { name: 'renamed', scrape: ours('renamed'), rule: 'rename-ours' },
      { name: 'held', scrape: ours('nmd'), rule: 'hold-back' },
      { name: 'cadvisor', scrape: other('pods') },
      { name: 'cadvisor-of-node', scrape: other('node'), rule: 'drop-cadvisor' },
      { name: 'daemon', scrape: other('daemon') },
    ];
    prometheus = await startPrometheus(await configOf(jobs), ca);
    await scraped(prometheus, jobs.length);
  });

  after(async () => {
    await prometheus.close();
    await texts.close();
    await close();
  });

  const query = (expression: string) => prometheus.query(expression);
  /** Prometheus' own arithmetic is off by some of the last bits, at some times of scrapes. */
  const rounded = (value: number) => Math.round(value * 1e6) / 1e6;
  /** Values by what tells the series apart. */
  const byNetwork = (series: readonly Series[]) =>
    series
      .map(({ metric, value }) => [metric['pod'], metric['interface'], metric['network_name'], rounded(value)])
      .sort((a, b) => (a.join() < b.join() ? -1 : 1));

  test("the console's query has the traffic of each network", async () => {
    for (const direction of ['receive', 'transmit'] as const) {
      assert.deepEqual(byNetwork(await query(consoleQuery(direction, `pod='web-0',namespace='nmd'`))), [
        ['web-0', 'eth0', 'kindnet', PER_SECOND],
        ['web-0', 'net1', 'nmd/secondary', PER_SECOND],
      ]);
    }
  });

  // Fault of network-metrics-daemon: pods without the annotation vanish from its series.
  test('a pod without the annotation is not missing from it', async () => {
    assert.deepEqual(byNetwork(await query(consoleQuery('receive', `pod='plain',namespace='nmd'`))), [
      ['plain', 'eth0', 'default', PER_SECOND],
      ['plain', 'tunl0', undefined, PER_SECOND],
    ]);
  });

  // Fault of prometheus-network-shim: each pod on the host network counts the node's traffic again.
  test("the node's traffic is no pod's", async () => {
    assert.deepEqual(await query(consoleQuery('receive', `pod='agent',namespace='nmd'`)), []);
    assert.equal((await query(`container_network_receive_bytes_total{pod='agent',namespace='nmd'}`)).length, 1);
  });

  test('the infos are 0, by interface and by network', async () => {
    for (const selector of ['interface="eth0"', 'network_name="nmd/secondary"']) {
      const found = await query(`pod_network_name_info{pod="web-0",namespace="nmd",${selector}} == 0`);
      assert.equal(found.length, 1, selector);
    }
    assert.equal((await query('pod_network_name_info{pod="web-0",namespace="nmd"}')).length, 2);
  });

  test('a join changes no value of any of the eight', async () => {
    for (const family of CONTAINER_NETWORK) {
      const selected = `${family}{namespace="nmd",pod!="agent"}`;
      const found = await query(`((${selected}) + ${INFO_JOIN}) - ignoring(network_name) ${selected} == 0`);
      assert.equal(found.length, 4, family);
    }
  });

  // Fault of network-metrics-daemon: without the series of cAdvisor and a rule there are none.
  test('recorded series are there without a rule', async () => {
    for (const family of CONTAINER_NETWORK) {
      const [found] = await query(`network:${family}{network_name="nmd/secondary",job="nmd"}`);
      const { interface: name, namespace, node, pod: pod_, network_name: network } = found?.metric ?? {};
      assert.deepEqual([namespace, pod_, name, network, node], ['nmd', 'web-0', 'net1', 'nmd/secondary', 'node-a']);
      assert.equal(found?.value, 200 + CONTAINER_NETWORK.indexOf(family));
    }
  });

  // Fault of network-metrics-daemon: its rules double the series that are stored.
  test('hold-back keeps the old names out, and nothing of podnet', async () => {
    const names = (await query('count by (__name__) ({job="held"})')).map(({ metric }) => metric['__name__'] ?? '');
    assert.ok(names.includes('podnet_interface_receive_bytes_total'));
    assert.deepEqual(
      names.filter((name) => !/^(podnet_|up$|scrape_)/.test(name)),
      [],
    );
  });

  test('drop-intf drops the names of the first rules, which are there without it', async () => {
    assert.deepEqual(await query('{__name__=~".+_intf",job="nmd"}'), []);
    const early = await query('{__name__=~".+_intf",networkname="nmd/secondary",job="bare"}');
    assert.equal(early.length, CONTAINER_NETWORK.length);
  });

  test('keep-their-info leaves one info for each interface', async () => {
    assert.deepEqual(byNetwork(await query(consoleQuery('receive', `namespace='kept'`))), [
      ['web-0', 'eth0', 'theirs', PER_SECOND],
    ]);
  });

  test('two sources of the infos make every join fail, as documented', async () => {
    const jobs = [
      { name: 'nmd', scrape: ours('nmd') },
      { name: 'twice-a', scrape: ours('twice') },
      { name: 'twice-b', scrape: ours('twice') },
      { name: 'cadvisor', scrape: other('pods') },
    ];
    const second = await startPrometheus(await configOf(jobs), ca);
    try {
      await scraped(second, jobs.length);
      const documented =
        /`(found duplicate series[^`]*)`/.exec(await readFile('docs/compat.md', 'utf8'))?.[1] ?? 'none';
      await assert.rejects(second.query(consoleQuery('receive', `pod='web-0',namespace='nmd'`)), (error: Error) =>
        error.message.includes(documented),
      );
    } finally {
      await second.close();
    }
  });

  test('as-cadvisor answers the query where cAdvisor has no pods', async () => {
    const raw = consoleQuery('receive', `pod='web-0',namespace='bare'`).replace(/irate\((.*?)\[5m\]\)/, '$1');
    assert.deepEqual(byNetwork(await query(raw)), [
      ['web-0', 'eth0', 'kindnet', 100],
      ['web-0', 'net1', 'nmd/secondary', 200],
    ]);
    assert.deepEqual(
      byNetwork(await query(consoleQuery('receive', `namespace='bare'`))).map(([, name]) => name),
      ['eth0', 'net1'],
    );
  });

  // Fault of prometheus-network-shim: its rules fail where cAdvisor has series of pods too.
  test('drop-cadvisor leaves the shim alone with its names', async () => {
    assert.deepEqual(await query('{__name__=~"container_network_.+",job="cadvisor-of-node"}'), []);
    const found = await query('container_network_receive_bytes_total{namespace="shim"}');
    assert.deepEqual(
      found.map(({ metric, value }) => [metric['pod'], metric['interface'], metric['node'], value]).sort(),
      [
        ['plain', 'lxc3', 'node-a', 100],
        ['web-0', 'lxc1', 'node-a', 100],
        ['web-0', 'lxc2', 'node-a', 200],
      ],
    );
  });

  test("the shim's labels are the pod's, and none of the scraped target's", async () => {
    const labelsOf = async (selector: string) => {
      const [found] = await query(`pod_interface_shim{namespace="shim",${selector}} == 0`);
      const { __name__: _name, instance: _instance, job: _job, ...labels } = found?.metric ?? {};
      return labels;
    };
    const rest = { namespace: 'shim', node: 'node-a' };
    assert.deepEqual(await labelsOf('interface="lxc2"'), {
      ...{ ...rest, container: 'web', id: '/kubepods/podweb/web', image: 'web:1', interface: 'lxc2', pod: 'web-0' },
      name: 'k8s_web_web-0_shim_uid-shim-web-0_1',
    });
    assert.deepEqual(await labelsOf('interface="lxc3"'), { ...rest, interface: 'lxc3', pod: 'plain' });
  });

  // Fault of prometheus-network-shim: its rules fail where cAdvisor has series of pods too.
  test('rename-ours leaves the names to cAdvisor', async () => {
    const names = async (name: string) =>
      (await query(`${name}{namespace="renamed"}`)).map(({ metric }) => [metric['job'], metric['interface']]);
    assert.deepEqual(await names('container_network_receive_bytes_total'), [['cadvisor', 'eth0']]);
    assert.deepEqual(await names('podnet:container_network_receive_bytes_total'), [['renamed', 'lxc4']]);
    assert.deepEqual(await names('network:container_network_receive_bytes_total'), [['renamed', 'eth0']]);
  });

  test('promtool reads both, and complains of names alone', async () => {
    const { text } = await server.get('/metrics');
    const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    assert.equal(status, 3); // lint, where a text that cannot be read is 1
    const complaints = stderr.split('\n').filter((line) => line !== '');
    for (const line of complaints) assert.match(line, /^network:\S+ metric names should not contain ':'$/);
    assert.equal(complaints.length, CONTAINER_NETWORK.length);
  });
});

test('agent and apiserver serve them of real interfaces', { skip: missing('root', 'ip') }, async () => {
  const testbed = new Testbed('pncompat', ['kindnet', 'n3']);
  const flags = ['--compat', 'network-metrics-daemon'];
  const server = await runApiserver(flags);
  const attachments = new Map([['net1', { network: 'n3', nadNamespace: 'telco', isDefault: false }]]);
  const describePod = (name: string) => (name.startsWith('pncompat') ? { labels: {}, attachments } : undefined);
  const agent = await runNodeagent(server, flags, { describe: describePod });
  try {
    for (const name of ['a', 'b']) await testbed.addPod(name);
    testbed.send('a', 'b', { network: 'n3', count: 10, payload: 958 });
    const pods = { a: testbed.podName('a'), b: testbed.podName('b') };
    const wanted = [
      `pod_network_name_info{interface="eth0",namespace="default",network_name="default",pod="${pods.a}"} 0`,
      `pod_network_name_info{interface="net1",namespace="default",network_name="telco/n3",pod="${pods.b}"} 0`,
      `network:container_network_receive_bytes_total{interface="net1",namespace="default",network_name="telco/n3",node="test-node",pod="${pods.b}"} 10000`,
      `network:container_network_transmit_bytes_total{interface="net1",namespace="default",network_name="telco/n3",node="test-node",pod="${pods.a}"} 10000`,
    ];
    for (const read of [
      async () => (await fetch(`${agent.url}/metrics`)).text(),
      async () => (await fetchText(server, '/metrics')).text,
    ]) {
      const lacking = async () => {
        const lines = new Set((await read()).split('\n'));
        return wanted.filter((line) => !lines.has(line));
      };
      await eventually(lacking, (lines) => lines.length === 0);
    }
  } finally {
    await agent.close();
    await server.close();
    await testbed.close();
  }
});
