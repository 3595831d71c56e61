import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { test } from 'node:test';
import fc from 'fast-check';
import { NODE_FAMILIES } from '../../metrics/catalogue.js';
import { Compat } from '../../metrics/compat/compat.js';
import { renderNode, type NodeView } from '../../metrics/node-families.js';
import { PROBE_FAMILIES } from '../../metrics/probe-families.js';
import { EPILOGUE, renderHeader, type ExpositionFormat } from '../../metrics/render.js';
import { PROBE_REASONS } from '../../openapi/report-terms.js';
import { serveTexts } from '../support/cadvisor.js';
import { eventually } from '../support/programs.js';
import {
  dialView,
  dnsView,
  everyProbe,
  nodeWithProbes,
  ntpView,
  probeRow,
  serviceDialView,
  type DialView,
} from '../support/probe-view.js';
import { startPrometheus, type Series } from '../support/prometheus.js';
import { missing } from '../support/requirements.js';

const NET_EXPORTER = new Compat(['net-exporter']);
const FAMILIES = [...NODE_FAMILIES, ...NET_EXPORTER.families];

/** Of the families that have a line. */
function expositionOf(view: NodeView, format: ExpositionFormat, families = FAMILIES): string {
  const blocks = [...renderNode(view), ...NET_EXPORTER.render(view)];
  const filled = families.flatMap((family) => {
    const lines = blocks[FAMILIES.indexOf(family)] ?? '';
    return lines === '' ? [] : [renderHeader(family, format) + lines];
  });
  return filled.join('') + EPILOGUE[format];
}

function linesOf(view: NodeView, pattern: RegExp): string[] {
  return renderNode(view)
    .join('')
    .split('\n')
    .filter((line) => pattern.test(line));
}

for (const format of ['text', 'openmetrics'] as const) {
  test(`what probes measured in ${format} is the golden text`, async () => {
    const text = expositionOf(nodeWithProbes(everyProbe()), format, [...PROBE_FAMILIES]);
    const golden = `test/golden/probes.${format}.txt`;
    if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(golden, text);
    assert.equal(text, await readFile(golden, 'utf8'));
  });
}

test('a peer has its node and zone, the Service its host; the others are left out', () => {
  const nowhere = dialView({ peer: { node: 'node-c', zone: '' }, network: 'n3' });
  const view = nodeWithProbes({ dials: [dialView(), serviceDialView(), nowhere] });
  assert.deepEqual(linesOf(view, /^podnet_dial_latency_seconds_count/), [
    'podnet_dial_latency_seconds_count{node="n1",peer_node="node-b",peer_zone="zone-b",network="default",family="ipv4"} 10',
    'podnet_dial_latency_seconds_count{node="n1",host="podnet-probe.podnet-system",network="default",family="ipv4"} 10',
    'podnet_dial_latency_seconds_count{node="n1",peer_node="node-c",network="n3",family="ipv4"} 10',
  ]);
});

test('every reason is told from the first reading on', () => {
  const view = nodeWithProbes({
    dials: [dialView({ row: probeRow('dial', []) })],
    dns: [dnsView({ row: probeRow('dns', []) })],
    ntp: [ntpView({ row: probeRow('ntp', []) })],
  });
  for (const [kind, reasons] of Object.entries(PROBE_REASONS)) {
    const errors = linesOf(view, new RegExp(`^podnet_${kind}_errors_total`));
    assert.deepEqual(
      errors.map((line) => /reason="(.*)"\} 0$/.exec(line)?.[1]),
      [...reasons],
    );
  }
});

test('each address family of a peer is a series of its own, and what is dialled by name has none', () => {
  const ipv6 = dialView({ family: 'ipv6', address: '[fd00::2]:9809', row: probeRow('dial', [[9, 1]], { refused: 2 }) });
  const { family: _, ...named } = dialView({ address: 'node-b.example:9809' }).meta;
  const views = [dialView(), ipv6, { ...dialView(), meta: named }];
  const lines = linesOf(nodeWithProbes({ dials: views }), /le="(0.001|\+Inf)"|refused/);
  assert.deepEqual(
    lines.map((line) => line.replace(/node="n1",peer_node="node-b",peer_zone="zone-b",network="default",?/, '')),
    [
      'podnet_dial_latency_seconds_bucket{family="ipv4",le="0.001"} 10',
      'podnet_dial_latency_seconds_bucket{family="ipv4",le="+Inf"} 10',
      'podnet_dial_latency_seconds_bucket{family="ipv6",le="0.001"} 0',
      'podnet_dial_latency_seconds_bucket{family="ipv6",le="+Inf"} 1',
      'podnet_dial_latency_seconds_bucket{le="0.001"} 10',
      'podnet_dial_latency_seconds_bucket{le="+Inf"} 10',
      'podnet_dial_errors_total{family="ipv4",reason="refused"} 1',
      'podnet_dial_errors_total{family="ipv6",reason="refused"} 2',
      'podnet_dial_errors_total{reason="refused"} 1',
    ],
  );
});

test('views of the same labels are one series, of which each counts', () => {
  const lines = linesOf(nodeWithProbes({ dials: [dialView(), dialView()] }), /_count|refused/);
  assert.deepEqual(
    lines.map((line) => line.replace(/^[^ ]+ /, '')),
    ['20', '2'],
  );
});

test('what has no reading has no series, and takes none from its like', () => {
  const unread = [[], probeRow('dial', []).fill(NaN), [...probeRow('dial', []).slice(0, -1), NaN]];
  const dials = unread.map((row) => dialView({ row }));
  assert.equal(renderNode(nodeWithProbes({ dials })).join(''), '');
  const counted = nodeWithProbes({ dials: [dialView()] });
  assert.deepEqual(renderNode(nodeWithProbes({ dials: [...dials, dialView()] })), renderNode(counted));
  const clock = { offsetSeconds: 1, stratum: 1 };
  assert.equal(renderNode(nodeWithProbes({ ntp: [ntpView({ ...clock, row: [] })] })).join(''), '');
});

test('offset and stratum are told where they are known', () => {
  const gaugesOf = (parts: Parameters<typeof ntpView>[0]) =>
    linesOf(nodeWithProbes({ ntp: [ntpView(parts)] }), /offset|stratum/);
  assert.deepEqual(gaugesOf({ offsetSeconds: -0.0025, stratum: 2 }), [
    'podnet_ntp_offset_seconds{node="n1",server="ntp.example.com"} -0.0025',
    'podnet_ntp_stratum{node="n1",server="ntp.example.com"} 2',
  ]);
  assert.deepEqual(gaugesOf({ offsetSeconds: 0 }), ['podnet_ntp_offset_seconds{node="n1",server="ntp.example.com"} 0']);
  assert.deepEqual(gaugesOf({}), []);
});

test('a node on which nobody probes has no lines', () => {
  const view = { node: 'n1', pods: [] };
  assert.equal(renderNode(view).join('') + NET_EXPORTER.render(view).join(''), '');
});

const SAMPLE = /^([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\} (\S+)$/;

/** Label values as they were before they were printed. */
function valuesOf(labels: string): string[] {
  return [...labels.matchAll(/="((?:[^"\\]|\\.)*)"/g)].map(([, value = '']) =>
    value.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character)),
  );
}

test('no series is there twice and no label breaks out, whatever was probed', () => {
  const text = fc.oneof(fc.constantFrom('', 'a', 'b', '"', '\\', '\n', 'a",le="1'), fc.string({ maxLength: 4 }));
  const count = fc.constantFrom(0, 1, 2 ** 60, NaN);
  const rowOf = (kind: keyof typeof PROBE_REASONS) =>
    fc.array(count, { minLength: 0, maxLength: 40 }).map((start) => [...start, ...probeRow(kind, [])]);
  const dial = fc
    .record({ peer: fc.record({ node: text, zone: text }), host: text, network: text, address: text })
    .chain((all) =>
      fc
        .record({ row: rowOf('dial'), without: fc.constantFrom('peer' as const, 'host' as const) })
        .map(({ row, without }): DialView => {
          const { [without]: _, ...meta } = all;
          return { meta: { ...meta, family: 'ipv4' }, row };
        }),
    );
  const dns = fc
    .record({ server: text, protocol: fc.constantFrom('udp' as const, 'tcp' as const), host: text, row: rowOf('dns') })
    .map(dnsView);
  const ntp = fc.record({ server: text, offsetSeconds: fc.float(), row: rowOf('ntp') }).map(ntpView);
  const internalErrors = fc.record({ dial: fc.nat(), dns: fc.nat() }, { requiredKeys: [] });
  const probes = fc.record({ dials: fc.array(dial), dns: fc.array(dns), ntp: fc.array(ntp), internalErrors });
  fc.assert(
    fc.property(
      text.filter((name) => name !== ''),
      probes,
      (node, one) => {
        const known = new Set([node, 'udp', 'tcp']);
        for (const { meta } of [...one.dials, ...one.dns, ...one.ntp]) {
          for (const value of Object.values({ ...meta, ...('peer' in meta ? meta.peer : {}) })) {
            if (typeof value === 'string') known.add(value);
          }
        }
        const series = new Set<string>();
        const lines = expositionOf(nodeWithProbes(one, node), 'text').split('\n').slice(0, -1);
        for (const line of lines.filter((each) => !each.startsWith('#'))) {
          const [, name = '', labels = ''] = SAMPLE.exec(line) ?? [];
          assert.notEqual(name, '', line);
          assert.ok(!series.has(name + labels), line);
          series.add(name + labels);
          const theirs = valuesOf(labels.replace(/,(le|reason)="[^"]*"$/, ''));
          for (const value of theirs) assert.ok(known.has(value), line);
        }
      },
    ),
  );
});

test('promtool has nothing to say', { skip: missing('promtool') }, () => {
  const input = expositionOf(nodeWithProbes(everyProbe()), 'text');
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
  assert.deepEqual([status, stdout, stderr], [0, '', '']);
});

/** What tells a series apart, whichever target it was scraped from, and its value. */
function labelled(series: readonly Series[]): string[] {
  return series
    .map(({ metric: { instance: _instance, job: _job, ...labels }, value }) =>
      JSON.stringify([Object.entries(labels).sort(), value]),
    )
    .sort();
}

test('a Prometheus scrapes the same from both formats', { skip: missing('prometheus') }, async (t) => {
  const view = nodeWithProbes(everyProbe());
  const texts = await serveTexts({ '/text': () => expositionOf(view, 'text') });
  t.after(() => texts.close());
  const openmetrics = await serveTexts(
    { '/openmetrics': () => expositionOf(view, 'openmetrics') },
    'application/openmetrics-text; version=1.0.0; charset=utf-8',
  );
  t.after(() => openmetrics.close());
  const jobs = [
    { name: 'text', host: texts.host },
    { name: 'openmetrics', host: openmetrics.host },
  ].map(
    ({ name, host }) =>
      `- job_name: ${name}\n  honor_labels: true\n  metrics_path: /${name}\n  static_configs: [{targets: ['${host}']}]\n`,
  );
  const prometheus = await startPrometheus(`global: {scrape_interval: 1s}\nscrape_configs:\n${jobs.join('')}`);
  t.after(() => prometheus.close());
  await eventually(
    () => prometheus.query('up == 1'),
    (up) => up.length === jobs.length,
    30_000,
  );
  const everything = '{__name__=~"podnet_.*|network_.*|dns_.*|ntp_.*"}';
  const [ours, theirs] = await Promise.all(
    ['text', 'openmetrics'].map((job) => prometheus.query(everything.replace('}', `,job="${job}"}`))),
  );
  const samples = expositionOf(view, 'text').match(/^[^#\n]/gm)?.length;
  assert.equal(ours?.length, samples);
  assert.deepEqual(labelled(ours ?? []), labelled(theirs ?? []));
  const slow = await prometheus.query(
    'histogram_quantile(0.5, podnet_dial_latency_seconds_bucket{network="n3", job="openmetrics"}) > 2.048',
  );
  assert.equal(slow.length, 1);
});
