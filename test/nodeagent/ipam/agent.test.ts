// A real agent beside an IPAM endpoint with every fault: what it reports, serves and logs, and that its sweeps go on.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { checkReport } from '../../../apiserver/ingest/check.js';
import type { NodeReport } from '../../../openapi/node-report.js';
import { createLogger } from '../../../runtime/logger.js';
import { IpamdServer, type IpamdFault } from '../../support/ipamd-server.js';
import { eventually, runNodeagent } from '../../support/programs.js';
import { ReportReceiver } from '../../support/report-receiver.js';

const fixture = (name: string) => readFileSync(`test/fixtures/ipamd/${name}.txt`, 'utf8');
const PRESENT = fixture('present');
const WITHOUT_HOST_LOCAL = ['--path.cni-networks', 'none'];

async function startAgent(t: TestContext, ...flags: string[]) {
  const receiver = await ReportReceiver.start();
  t.after(() => receiver.close());
  const logged: string[] = [];
  const log = createLogger('nodeagent', { level: 'info', format: 'text', write: (line) => void logged.push(line) });
  const argv = ['--pod-source', 'none', '--ipam.interval', '1s', ...flags];
  const agent = await runNodeagent(receiver, argv, { log });
  t.after(() => agent.close());
  const get = async (path: string) => (await fetch(agent.url + path)).text();
  /** Waits for a report. */
  const report = (isIt: (report: NodeReport) => boolean) =>
    eventually(
      () => receiver.newest,
      (seen) => seen !== undefined && isIt(seen),
      30_000,
    ) as Promise<NodeReport>;
  /** Of the endpoint, once the report says what became of it. */
  const told = async (isIt: (source: Source) => boolean) =>
    sourceOf(await report((one) => [sourceOf(one)].some((source) => source !== undefined && isIt(source))));
  return { receiver, logged, get, report, told };
}

type Source = NonNullable<NodeReport['ipam']>[number];

const sourceOf = ({ ipam = [] }: NodeReport) => ipam.find(({ name }) => name === 'awscni');
const collectorOf = ({ collectors }: NodeReport) => collectors.find(({ name }) => name === 'ipam');
const isRead = ({ takenAt }: Source) => takenAt !== undefined;

async function startIpamd(t: TestContext, fault?: IpamdFault): Promise<IpamdServer> {
  const ipamd = await IpamdServer.start(PRESENT);
  t.after(() => ipamd.close());
  ipamd.fault = fault;
  return ipamd;
}

/** The server takes all of it. */
function assertGood(report: NodeReport): void {
  const { rejections, report: accepted } = checkReport(JSON.parse(JSON.stringify(report)));
  assert.deepEqual(rejections.named, []);
  assert.equal(accepted.ipam?.length, report.ipam?.length);
}

test('what ipamd tells is reported, with its time and what pools had before', async (t) => {
  const ipamd = await startIpamd(t);
  const agent = await startAgent(t, ...ipamd.flags, ...WITHOUT_HOST_LOCAL);
  const first = await agent.told(isRead);
  assert.ok(first !== undefined);
  assert.deepEqual([first.intervalMs, first.problem, first.leftOut], [1_000, undefined, []]);
  assert.equal(first.families.length, 26);
  const assigned = first.families.find(({ name }) => name === 'awscni_assigned_ip_addresses');
  assert.deepEqual(assigned?.samples, [{ labels: {}, value: 12 }]);
  assert.deepEqual(first.pools, [{ labels: {}, samples: [[first.takenAt, 15]] }]);
  const report = await agent.report((one) => (sourceOf(one)?.takenAt ?? 0) > (first.takenAt ?? Infinity));
  assertGood(report);
  assert.ok((sourceOf(report)?.takenAt ?? Infinity) <= report.sentAt);
  assert.equal(collectorOf(report)?.ok, true);
  const own = await agent.get('/metrics');
  assert.match(own, /^podnet_nodeagent_collector_success\{collector="ipam"\} 1$/m);
  assert.match(own, /^podnet_nodeagent_collector_duration_seconds\{collector="ipam"\} /m);
  assert.match(own, /^podnet_nodeagent_source_up\{source="ipam-endpoint",reason=""\} 1$/m);
});

test('a family with something bad in it is left out, counted, and told once; the others are there', async (t) => {
  const ipamd = await startIpamd(t);
  ipamd.text = fixture('fault-nan-gauge');
  const agent = await startAgent(t, ...ipamd.flags, ...WITHOUT_HOST_LOCAL);
  const source = await agent.told(isRead);
  assert.deepEqual([source?.leftOut, source?.families.length, source?.pools], [['awscni_ip_max'], 25, []]);
  const rejected = /^podnet_nodeagent_ipam_entries_rejected_total\{source="awscni",reason="\w+"\} (\d+)$/m;
  await eventually(
    async () => Number(rejected.exec(await agent.get('/metrics'))?.[1]),
    (count) => count >= 2,
  );
  assert.equal(agent.logged.filter((line) => / warn .*awscni_ip_max/.test(line)).length, 1);
  assertGood(await agent.report(() => true));
});

test('what is not metrics of ipamd at all is a failure, and the log tells the way out', async (t) => {
  for (const name of ['fault-html', 'fault-cut', 'other-program']) {
    const ipamd = await startIpamd(t);
    ipamd.text = fixture(name);
    const agent = await startAgent(t, ...ipamd.flags, ...WITHOUT_HOST_LOCAL);
    const source = await agent.told(({ problem }) => problem !== undefined);
    assert.deepEqual([source?.problem, source?.families, source?.takenAt], ['failed', [], undefined], name);
    assert.equal(agent.logged.filter((line) => line.includes('does --ipam.endpoint name the metrics')).length, 1, name);
  }
});

test('a reading takes no longer than the time between two, whatever the timeout', async (t) => {
  const ipamd = await startIpamd(t, 'hang');
  const agent = await startAgent(t, ...ipamd.flags, ...WITHOUT_HOST_LOCAL, '--ipam.timeout', '60s');
  const source = await agent.told(({ problem }) => problem !== undefined);
  assert.equal(source?.problem, 'unreachable');
});

test('host-local is read beside it', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-ipam-'));
  t.after(() => rm(directory, { recursive: true }));
  await mkdir(join(directory, 'networks', 'pods'), { recursive: true });
  await writeFile(join(directory, 'networks', 'pods', '10.1.0.3'), 'sandbox\r\neth0');
  const ipam = { type: 'host-local', ranges: [[{ subnet: '10.1.0.0/29' }]] };
  await mkdir(join(directory, 'conf'));
  await writeFile(
    join(directory, 'conf', '10-pods.conflist'),
    JSON.stringify({ cniVersion: '1.0.0', name: 'pods', plugins: [{ type: 'bridge', ipam }] }),
  );
  const paths = ['--path.cni-networks', join(directory, 'networks'), '--path.cni-conf', join(directory, 'conf')];
  const agent = await startAgent(t, '--ipam.endpoint', 'none', ...paths);
  const report = await agent.report(({ ipam: [source] = [] }) => source?.takenAt !== undefined);
  const [source] = report.ipam ?? [];
  const used = source?.families.find(({ name }) => name === 'hostlocal_range_used_addresses');
  assert.deepEqual(
    used?.samples.map(({ value }) => value),
    [1],
  );
  assert.equal(source?.pools.length, 1);
  assert.equal(collectorOf(report)?.ok, true);
  assertGood(report);
});

const FAULTS: readonly (readonly [IpamdFault, string])[] = [
  ['hang', 'unreachable'],
  ['trickle', 'unreachable'],
  ['cut', 'unreachable'],
  ['huge', 'failed'],
  ['error', 'failed'],
  ['not-http', 'failed'],
  ['forbidden', 'not_permitted'],
];
for (const [fault, reason] of FAULTS) {
  test(`an endpoint with the fault ${fault} costs what it would tell, and nothing else`, async (t) => {
    const ipamd = await startIpamd(t, fault);
    const agent = await startAgent(t, ...ipamd.flags, ...WITHOUT_HOST_LOCAL);
    const source = await agent.told(({ problem }) => problem !== undefined);
    assert.deepEqual(source, {
      ...{ name: 'awscni', intervalMs: 1_000, problem: reason },
      ...{ families: [], leftOut: [], pools: [] },
    });
    const { sequence } = await agent.report(() => true);
    // five rounds take a second at least: the endpoint was asked meanwhile
    const report = await agent.report((one) => one.sequence >= sequence + 5);
    assertGood(report);
    const { ok, error } = collectorOf(report) ?? {};
    assert.equal(ok, false);
    assert.match(error ?? '', /^awscni: /);
    assert.equal(await agent.get('/healthz'), 'ok', 'nothing is gained by starting the agent again');
    const own = await agent.get('/metrics');
    assert.match(own, /^podnet_nodeagent_collector_success\{collector="ipam"\} 0$/m);
    assert.ok(own.includes(`podnet_nodeagent_source_up{source="ipam-endpoint",reason="${reason}"} 0`));
    assert.equal(agent.logged.filter((line) => line.includes('ipam-endpoint')).length, 1);
    assert.deepEqual(
      agent.logged.filter((line) => line.includes(' warn ') && !line.includes('token')),
      [],
    );
  });
}

test('what ipamd told stays with its time while it is away, and the next reading takes its place', async (t) => {
  const ipamd = await startIpamd(t);
  const agent = await startAgent(t, ...ipamd.flags, ...WITHOUT_HOST_LOCAL);
  await agent.told(isRead);
  await ipamd.refuse();
  const gone = await agent.told(({ problem }) => problem !== undefined);
  assert.equal(gone?.problem, 'not_found');
  assert.ok(gone?.takenAt !== undefined && gone.families.length > 0);
  const report = await agent.report(() => true);
  assertGood(report);
  assert.equal(collectorOf(report)?.ok, false, 'it is missed');
  await ipamd.listen();
  const back = await agent.told(({ problem }) => problem === undefined);
  assert.ok((back?.takenAt ?? 0) > gone.takenAt);
  assert.equal(agent.logged.filter((line) => / warn .*ipam-endpoint.*not_found/.test(line)).length, 1);
});

test('a node without IP address management is an ordinary one', async (t) => {
  const ipamd = await startIpamd(t);
  await ipamd.refuse();
  const directory = await mkdtemp(join(tmpdir(), 'podnet-ipam-'));
  t.after(() => rm(directory, { recursive: true }));
  const agent = await startAgent(t, ...ipamd.flags, '--path.cni-networks', join(directory, 'networks'));
  const report = await agent.report(({ ipam = [] }) => ipam.every(({ problem }) => problem !== undefined));
  assert.deepEqual(
    report.ipam?.map(({ name, problem, takenAt, families, pools }) => [name, problem, takenAt, families, pools]),
    [
      ['awscni', 'not_found', undefined, [], []],
      ['host-local', 'not_found', undefined, [], []],
    ],
  );
  assertGood(report);
  assert.equal(collectorOf(report), undefined);
  assert.doesNotMatch(await agent.get('/metrics'), /collector="ipam"|^podnet_ipam_/m);
  assert.deepEqual(
    agent.logged.filter((line) => /ipam|host-local/.test(line)).map((line) => line.split(' ')[1]),
    ['info', 'info'],
  );
});

test('what a flag turns off has no entry', async (t) => {
  const ipamd = await startIpamd(t);
  const one = await startAgent(t, '--ipam.endpoint', 'none');
  const { ipam } = await one.report(() => true);
  assert.deepEqual(
    ipam?.map(({ name }) => name),
    ['host-local'],
  );
  for (const flags of [
    ['--ipam.endpoint', 'none', ...WITHOUT_HOST_LOCAL],
    ['--no-collector.ipam', ...ipamd.flags],
  ]) {
    const agent = await startAgent(t, ...flags);
    const report = await agent.report(({ sequence }) => sequence > 2);
    assert.ok(!('ipam' in report), flags.join(' '));
    assertGood(report);
    assert.match(
      await agent.get('/metrics'),
      /^podnet_nodeagent_source_up\{source="ipam-endpoint",reason="not_configured"\} 0$/m,
    );
  }
  assert.deepEqual(ipamd.requests, []);
});

test('an agent of role probe does not look for it', async (t) => {
  const ipamd = await startIpamd(t);
  const probe = ['--role', 'probe', '--probe-listen-address', '127.0.0.1:0', '--dial.service', 'none'];
  const agent = await startAgent(t, ...probe, '--no-collector.dns', ...ipamd.flags);
  const report = await agent.report(({ sequence }) => sequence > 6);
  assert.equal(report.role, 'probe');
  assert.ok(!('ipam' in report));
  assert.deepEqual(ipamd.requests, []);
  assert.doesNotMatch(await agent.get('/metrics'), /ipam/);
});
