// A real Prometheus scrapes the apiserver, which an agent feeds from real namespaces.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Apiserver } from '../../apiserver/start.js';
import { CLUSTER_FAMILIES } from '../../metrics/catalogue.js';
import type { Nodeagent } from '../../nodeagent/start.js';
import { run, type Run } from '../support/bundle.js';
import { Testbed } from '../support/netns.js';
import { eventually, fetchText, runApiserver, runNodeagent } from '../support/programs.js';
import { freePort } from '../support/prometheus.js';
import { missing } from '../support/requirements.js';

const PREFIX = 'pnprom';

interface QueryResult {
  readonly data: {
    readonly result: readonly { readonly metric: Record<string, string>; readonly value: readonly [number, string] }[];
  };
}

describe('prometheus', { skip: missing('root', 'ip', 'prometheus', 'promtool') }, () => {
  let testbed: Testbed;
  let server: Apiserver;
  let agent: Nodeagent;
  let prometheus: Run;
  let directory: string;
  let api: string;

  before(async () => {
    testbed = new Testbed(PREFIX, ['cbr0', 'n3']);
    for (const pod of ['a', 'b']) await testbed.addPod(pod);
    server = await runApiserver();
    const attachments = new Map([
      ['eth0', { network: 'cbr0', nadNamespace: '', isDefault: true }],
      ['net1', { network: 'n3', nadNamespace: 'telco', isDefault: false }],
    ]);
    agent = await runNodeagent(server, [], {
      describe: (name) => (name.startsWith(PREFIX) ? { labels: {}, attachments } : undefined),
    });
    directory = await mkdtemp(join(tmpdir(), 'podnet-prometheus-'));
    const { host } = new URL(server.url);
    await writeFile(join(directory, 'ca.pem'), server.ca);
    await writeFile(
      join(directory, 'prometheus.yml'),
      `global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: podnet\n  scheme: https\n  honor_labels: true\n  tls_config: {ca_file: ${directory}/ca.pem}\n  static_configs: [{targets: ['${host}']}]\n`,
    );
    const port = await freePort();
    api = `http://127.0.0.1:${port}/api/v1`;
    prometheus = run('prometheus', [
      `--config.file=${directory}/prometheus.yml`,
      `--storage.tsdb.path=${directory}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
  });

  after(async () => {
    prometheus.child.kill('SIGTERM');
    await prometheus.ended;
    await rm(directory, { recursive: true });
    await agent.close();
    await server.close();
    await testbed.close();
  });

  async function query(expression: string): Promise<QueryResult['data']['result']> {
    try {
      const response = await fetch(`${api}/query?query=${encodeURIComponent(expression)}`);
      if (response.status === 503) return []; // up, and not ready yet
      return ((await response.json()) as QueryResult).data.result;
    } catch (error) {
      if (error instanceof TypeError) return []; // not up yet
      throw error;
    }
  }

  test('it scrapes without an error, every sample of every family', async () => {
    await eventually(
      () => query('up{job="podnet"}'),
      (result) => result[0]?.value[1] === '1',
      30_000,
    );
    const [scraped] = await query('scrape_samples_scraped');
    const { text } = await fetchText(server, '/metrics');
    const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
    assert.ok(Math.abs(Number(scraped?.value[1]) - samples) <= 20, `${scraped?.value[1] ?? ''} of ${samples}`);
  });

  test('sum by (network) (rate(…)) is what crossed each network', async () => {
    const growth = async () => {
      const result = await query(`sum by (network) (podnet_interface_transmit_bytes_total{pod=~"${PREFIX}.*"})`);
      return new Map(result.map(({ metric, value }) => [metric['network'], Number(value[1])]));
    };
    await eventually(growth, (seen) => seen.get('n3') === 0);
    // Ten seconds of 100 datagrams a second on n3, and half of that on cbr0.
    for (let second = 0; second < 10; second++) {
      const next = new Promise((resolve) => setTimeout(resolve, 1_000));
      testbed.send('a', 'b', { network: 'n3', count: 100, payload: 958 });
      testbed.send('a', 'b', { network: 'cbr0', count: 50, payload: 958 });
      await next;
    }
    const result = await query(`sum by (network) (rate(podnet_interface_receive_bytes_total{pod=~"${PREFIX}.*"}[6s]))`);
    const rates = new Map(result.map(({ metric, value }) => [metric['network'], Number(value[1])]));
    // A batch a second, scraped once a second: one batch more or less may fall into the five seconds looked at.
    assert.ok(Math.abs((rates.get('n3') ?? NaN) - 100_000) <= 25_000, JSON.stringify([...rates]));
    assert.ok(Math.abs((rates.get('cbr0') ?? NaN) - 50_000) <= 12_500, JSON.stringify([...rates]));
    await eventually(growth, (seen) => seen.get('n3') === 10 * 100 * 1_000 && seen.get('cbr0') === 10 * 50 * 1_000);
  });

  test('a pod that is deleted goes stale at once, not after five minutes', async () => {
    await testbed.removePod('b');
    await eventually(
      () => query(`podnet_pod_info{pod="${testbed.podName('b')}"}`),
      (result) => result.length === 0,
      8_000,
    );
  });

  test('promtool has nothing to say of what is really served, by either program', async () => {
    const own = await (await fetch(`${agent.url}/metrics`)).text();
    for (const text of [(await fetchText(server, '/metrics')).text, own]) {
      assert.match(text, /podnet_interface_receive_bytes_total\{/);
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
      assert.deepEqual([status, stdout, stderr], [0, '', '']);
    }
  });

  test('the agent serves the same families for its own node', async () => {
    const own = await (await fetch(`${agent.url}/metrics`)).text();
    const { text } = await fetchText(server, '/metrics');
    // what no agent can tell of its own node
    const ofCluster = new Set(CLUSTER_FAMILIES.map(({ name }) => name));
    const named = (exposition: string, pattern: RegExp) =>
      [...exposition.matchAll(pattern)].flatMap(([, one = '', name = one]) => (ofCluster.has(name) ? [] : [one]));
    const families = (exposition: string) => named(exposition, /^# TYPE (podnet_(?!apiserver_|nodeagent_)\w+)/gm);
    assert.deepEqual(families(own), families(text));
    const series = (exposition: string) => named(exposition, /^((podnet_(?!apiserver_|nodeagent_)\w+)\{.*\})/gm);
    assert.deepEqual(new Set(series(own)), new Set(series(text)));
    assert.equal(await (await fetch(`${agent.url}/healthz`)).text(), 'ok');
  });
});
