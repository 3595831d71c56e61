// What the documents have their reader write into prometheus.yml is accepted, and scrapes as the ServiceMonitor does.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { isRecord } from '../../runtime/kube/objects.js';
import { at, listAt, textAt } from '../cluster/json.js';
import { run } from '../support/bundle.js';
import { renderComponents } from '../support/manifests/render.js';
import { blocksOf, documents, type Block } from '../support/markdown.js';
import { missing } from '../support/requirements.js';
import { assertBothUp, assertShownOnce, CA_FILE, scrapeReplicas } from '../support/scraped-replicas.js';

const BLOCKS = documents()
  .flatMap(blocksOf)
  .filter(({ language, lines }) => language === 'yaml' && lines.includes('scrape_configs:'));
const textOf = ({ lines }: Block): string => lines.join('\n');
const INSTALL = BLOCKS.filter(({ file }) => file === 'docs/install.md');

/** Jobs by what they ask for. */
function jobsOf(scrapes: readonly unknown[], part: (scrape: unknown) => unknown): Map<string, unknown> {
  return new Map(scrapes.map((scrape) => [JSON.stringify(at(scrape, 'params')), part(scrape)]));
}

function install(): Record<string, unknown>[] {
  const [block, ...more] = INSTALL;
  assert.ok(block !== undefined && more.length === 0);
  return listAt(parse(textOf(block)), 'scrape_configs').filter(isRecord);
}

describe('scrape configurations of the documents', () => {
  for (const block of BLOCKS) {
    test(`promtool accepts that of ${block.file}:${block.line}`, { skip: missing('promtool') }, async (t) => {
      const directory = await mkdtemp(join(tmpdir(), 'podnet-promtool-'));
      t.after(() => rm(directory, { recursive: true }));
      // It looks whether the files are there.
      const mounted = textOf(block).replace(/_file: \/[^,} ]+/g, `_file: ${join(directory, 'file')}`);
      await writeFile(join(directory, 'file'), '');
      await writeFile(join(directory, 'prometheus.yml'), mounted);
      const promtool = run('promtool', ['check', 'config', join(directory, 'prometheus.yml')]);
      assert.equal(await promtool.ended, 0, `${promtool.error()}${promtool.out()}`);
    });
  }

  test(
    'that of install.md has the interval and the labels of the ServiceMonitor',
    { skip: missing('kubectl') },
    async () => {
      const monitor = (await renderComponents(['prometheus-operator'])).find(({ kind }) => kind === 'ServiceMonitor');
      const ofMonitor = jobsOf(listAt(monitor, 'spec', 'endpoints'), (endpoint) => ({
        job: listAt(endpoint, 'relabelings').flatMap((rule) => textAt(rule, 'replacement') || [])[0],
        interval: textAt(endpoint, 'interval'),
        timeout: textAt(endpoint, 'scrapeTimeout'),
        honors: at(endpoint, 'honorLabels'),
        drops: listAt(endpoint, 'metricRelabelings').map((rule) => textAt(rule, 'regex')),
        server: textAt(endpoint, 'tlsConfig', 'serverName'),
      }));
      const ofInstall = jobsOf(install(), (job) => ({
        job: textAt(job, 'job_name'),
        interval: textAt(job, 'scrape_interval'),
        timeout: textAt(job, 'scrape_timeout'),
        honors: at(job, 'honor_labels'),
        drops: listAt(job, 'metric_relabel_configs').map((rule) => textAt(rule, 'regex')),
        server: textAt(job, 'tls_config', 'server_name'),
      }));
      assert.deepEqual(ofInstall, ofMonitor);
    },
  );

  test(
    'two replicas scraped as install.md says give each series once, and what each says of itself',
    { skip: missing('prometheus') },
    async (t) => {
      const scraped = await scrapeReplicas(({ replicas, token }) =>
        // Where they are, and how often they are asked, is as it is here.
        install().map(({ dns_sd_configs: _, ...job }) => ({
          ...job,
          ...{ scrape_interval: '1s', scrape_timeout: '1s', authorization: { credentials: token } },
          tls_config: { ca_file: CA_FILE, server_name: textAt(job, 'tls_config', 'server_name') },
          static_configs: [{ targets: replicas.map(({ host }) => host) }],
        })),
      );
      t.after(() => scraped.close());
      const { prometheus, bed } = scraped;
      await assertShownOnce(prometheus);
      const own = await prometheus.query('podnet_apiserver_build_info{job="podnet-apiserver"}');
      assert.deepEqual(own.map(({ metric }) => metric['instance']).sort(), bed.replicas.map(({ host }) => host).sort());
      await assertBothUp(prometheus);
    },
  );
});
