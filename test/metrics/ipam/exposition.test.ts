// What an agent prints of the text that ipamd serves, looked at with promtool and scraped by a real Prometheus.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { describe, test } from 'node:test';
import { Registry } from 'prom-client';
import { Compat } from '../../../metrics/compat/compat.js';
import { refusedFamilies } from '../../../metrics/ipam/refused-families.js';
import { CONTENT_TYPE, type ExpositionFormat } from '../../../metrics/render.js';
import type { NodeView } from '../../../metrics/node-families.js';
import { createAgentHttp } from '../../../nodeagent/http.js';
import { readAwscni } from '../../../nodeagent/ipam/awscni-text.js';
import type { IpamFamily } from '../../../openapi/ipam-report.js';
import { askAgent } from '../../support/agent-http.js';
import { serveTexts } from '../../support/cadvisor.js';
import { ipamFamily, ipamHistogram, poolOf } from '../../support/ipam-view.js';
import { eventually } from '../../support/programs.js';
import { startPrometheus, type Prometheus } from '../../support/prometheus.js';
import { missing } from '../../support/requirements.js';

const FORMATS: readonly ExpositionFormat[] = ['text', 'openmetrics'];
const RANGE = { network: 'cbr0', range: '10.244.1.0/24' };

/** Of a later version of ipamd. */
const NEW: readonly IpamFamily[] = [
  ipamFamily('awscni_new_req_count', 'counter', [[{ fn: 'a' }, 3]], 'New "requests"\nof a later version \\'),
  ipamFamily('awscni_new_thing', 'unknown', [[{ node: 'x' }, -0.5]]),
  ipamHistogram('awscni_new_wait_seconds', { '0.25': 1, '1': 2, '+Inf': 3 }),
];

/** A node whose ipamd says what the fixture says, and beside it a network of host-local. */
async function nodeOf(fixture: string, more: readonly IpamFamily[] = []): Promise<NodeView> {
  const { families } = readAwscni(await readFile(`test/fixtures/ipamd/${fixture}.txt`, 'utf8'));
  assert.equal(refusedFamilies('awscni', [...families, ...more]).size, 0);
  const ranges = ['addresses', 'used_addresses', 'free_addresses', 'leaked_addresses'].map((what, i) =>
    ipamFamily(`hostlocal_range_${what}`, 'gauge', [[RANGE, [254, 14, 240, 1][i] ?? NaN]]),
  );
  return {
    ...{ node: 'ip-10-0-12-7.ec2.internal', pods: [] },
    ipam: [
      { name: 'awscni', families: [...families, ...more], pools: [poolOf(15, -0.5, 60)] },
      { name: 'host-local', families: ranges, pools: [poolOf(240, -1, 45, RANGE)] },
    ],
  };
}

async function expositionOf(view: NodeView, format: ExpositionFormat, compat = new Compat([])): Promise<string> {
  const app = createAgentHttp({ registry: new Registry(), problem: () => '', view: () => view, compat });
  return (await askAgent(app, '/metrics', { accept: CONTENT_TYPE[format] })).body;
}

for (const format of FORMATS) {
  test(`what ipamd and host-local tell in ${format} is the golden text`, async () => {
    const text = await expositionOf(await nodeOf('present'), format);
    const golden = `test/golden/ipam.${format}.txt`;
    if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(golden, text);
    assert.equal(text, await readFile(golden, 'utf8'));
  });
}

test('each sample of ipamd is served once, with its value, and milliseconds as seconds', async () => {
  for (const fixture of ['present', 'quantiles', 'prefix-delegation', 'ipv6', 'old-2020']) {
    const { ipam = [], node } = await nodeOf(fixture);
    const [awscni] = ipam;
    const wanted = (awscni?.families ?? []).flatMap(({ name, samples }) =>
      samples.map(({ suffix, value }) => (name.endsWith('_ms') && suffix !== '_count' ? value / 1_000 : value)),
    );
    const view = { node, pods: [], ipam: awscni === undefined ? [] : [{ ...awscni, pools: [] }] };
    const lines = (await expositionOf(view, 'text')).split('\n').filter((line) => /^podnet_ipam_(?!free)/.test(line));
    const served = lines.map((line) => Number(line.slice(line.lastIndexOf(' '))));
    assert.deepEqual(served.sort(), wanted.sort(), fixture);
  }
});

test('in an IPv6 cluster, and of a version that tells no maximum, free addresses are not known', async () => {
  for (const fixture of ['ipv6', 'old-2020']) {
    assert.doesNotMatch(await expositionOf(await nodeOf(fixture), 'text'), /podnet_ipam_free/);
  }
  assert.match(
    await expositionOf(await nodeOf('prefix-delegation'), 'text'),
    /podnet_ipam_free_ip_addresses\{.*\} 391\n/,
  );
});

// Fault of cni-metrics-helper: what it serves of a node beside its totals is 0 at all times.
test('under the names of ipamd an agent serves what ipamd serves', async () => {
  const text = await readFile('test/fixtures/ipamd/present.txt', 'utf8');
  const theirs = text.split('\n').filter((line) => /^(# \w+ )?awscni_/.test(line));
  const served = await expositionOf(await nodeOf('present'), 'text', new Compat(['cni-metrics-helper']));
  assert.deepEqual(
    served.split('\n').filter((line) => /^(# \w+ )?awscni_/.test(line)),
    theirs,
  );
});

test(
  'promtool complains of nothing, not of the unit that ipamd chose either',
  { skip: missing('promtool') },
  async () => {
    for (const fixture of ['present', 'quantiles']) {
      const input = await expositionOf(await nodeOf(fixture, NEW), 'text');
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
      assert.deepEqual([status, stdout, stderr], [0, '', '']);
    }
  },
);

describe('a Prometheus', { skip: missing('prometheus') }, () => {
  /** What tells a series apart, whichever target it was scraped from, and its value. */
  const labelled = async (prometheus: Prometheus, job: string) =>
    (await prometheus.query(`{job="${job}",__name__=~"podnet_.+|awscni_.+"}`))
      .map(({ metric: { instance: _instance, job: _job, ...labels }, value }) =>
        JSON.stringify([Object.entries(labels).sort(), value]),
      )
      .sort();

  test('scrapes the same from both formats', async (t) => {
    const view = await nodeOf('quantiles', NEW);
    const compat = new Compat(['cni-metrics-helper']);
    const hosts = await Promise.all(
      FORMATS.map(async (format) => {
        const text = await expositionOf(view, format, compat);
        const served = await serveTexts({ '/metrics': () => text }, CONTENT_TYPE[format]);
        t.after(() => served.close());
        return `- job_name: ${format}\n  honor_labels: true\n  static_configs: [{targets: ['${served.host}']}]\n`;
      }),
    );
    const prometheus = await startPrometheus(`global: {scrape_interval: 1s}\nscrape_configs:\n${hosts.join('')}`);
    t.after(() => prometheus.close());
    await eventually(
      () => prometheus.query('up == 1'),
      (up) => up.length === FORMATS.length,
      30_000,
    );
    const text = await labelled(prometheus, 'text');
    assert.deepEqual(await labelled(prometheus, 'openmetrics'), text);
    const lines = (await expositionOf(view, 'text', compat)).split('\n').filter((line) => /^[^#]/.test(line));
    assert.equal(text.length, lines.length);
  });
});
