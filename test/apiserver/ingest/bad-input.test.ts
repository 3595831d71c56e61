import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { test } from 'node:test';
import fc from 'fast-check';
import { createTestServer, metricPath, type TestServer } from '../../support/app.js';
import { interfaceReport, nodeReport, podReport, readingOf, transportOf } from '../../support/reports.js';

const METRIC = 'network_receive_bytes_per_second';
const MIB = 1024 * 1024;

/** A server that holds two samples of one pod, at 100 bytes a second. */
async function filledServer(): Promise<TestServer> {
  const server = createTestServer();
  for (const second of [1, 2]) {
    const pods = [podReport({ interfaces: [interfaceReport({ readings: [readingOf(second * 100)] })] })];
    await server.push(nodeReport(second * 1_000, { pods }));
    server.clock.advance(1_000);
  }
  return server;
}

async function assertNothingLost(server: TestServer): Promise<void> {
  const { body } = await server.get(metricPath('web-0', METRIC));
  assert.equal(body.items[0]?.value, '100');
}

const good = gzipSync(JSON.stringify(nodeReport(3_000)));
const altered = (change: Record<string, unknown>) => gzipSync(JSON.stringify({ ...nodeReport(3_000), ...change }));

const ENVELOPES: readonly (readonly [string, Buffer, Record<string, string>, number, RegExp])[] = [
  ['no body', Buffer.alloc(0), {}, 400, /./],
  ['a body that is not gzip', Buffer.from('{"apiVersion":"podnet.dev/v1alpha1"}'), {}, 400, /not gzip/],
  ['a body cut short', good.subarray(0, good.length - 20), {}, 400, /./],
  [
    'a body with a broken checksum',
    Buffer.concat([good.subarray(0, -8), Buffer.alloc(4), good.subarray(-4)]),
    {},
    400,
    /not gzip, or cut short/,
  ],
  ['two members', Buffer.concat([good, good]), {}, 400, /not one gzip member/],
  ['gzip of garbage', gzipSync(Buffer.from('\u0000\u0001garbage, long enough for a member')), {}, 400, /not JSON/],
  [
    'JSON with NaN',
    gzipSync(JSON.stringify(nodeReport(3_000)).replace('"sentAt":3000', '"sentAt":NaN')),
    {},
    400,
    /not JSON/,
  ],
  ['JSON that is no object', gzipSync('["a report would be an object"]'), {}, 400, /not a JSON object/],
  ['a body over 8 MiB', Buffer.alloc(9 * MIB), {}, 413, /./],
  ['a bomb of 40 MiB', gzipSync(Buffer.alloc(40 * MIB)), {}, 413, /larger than 33554432 bytes when inflated/],
  [
    'a bomb that lies about its size',
    Buffer.concat([gzipSync(Buffer.alloc(40 * MIB)).subarray(0, -4), Buffer.from([16, 0, 0, 0])]),
    {},
    400,
    /holds more than the 16 bytes/,
  ],
  ['another content type', good, { 'content-type': 'text/plain' }, 415, /./],
  ['another content encoding', good, { 'content-encoding': 'br' }, 415, /sent as gzip, not br/],
  ['no content encoding', good, { 'content-encoding': 'identity' }, 415, /sent as gzip/],
  [
    'another version',
    altered({ apiVersion: 'podnet.dev/v1' }),
    {},
    400,
    /takes a NodeReport of podnet\.dev\/v1alpha1, not "NodeReport" of "podnet\.dev\/v1"/,
  ],
  ['another kind', altered({ kind: 'Pod' }), {}, 400, /not "Pod"/],
  ['a node name that is none', altered({ node: 'a/b' }), {}, 400, /node: must match pattern .*, not "a\/b"/],
  ['a missing field', altered({ bootId: undefined }), {}, 400, /bootId/],
  [
    'a sequence behind its samples',
    altered({ sequence: 1 }),
    {},
    400,
    /sequence: 1 is older than its newest sample, 3/,
  ],
  ['an interval of nothing', altered({ intervalMs: 0 }), {}, 400, /intervalMs/],
  ['too many pods', altered({ pods: new Array(2_049).fill(1) }), {}, 400, /pods: must not have more than 2048 items/],
  ['too many samples', altered({ samples: new Array(1_025).fill(1) }), {}, 400, /samples/],
];

for (const [what, body, headers, code, message] of ENVELOPES) {
  test(`${what} is a ${code} with a Status, and loses nothing`, async () => {
    const server = await filledServer();
    const answer = await server.pushBody(body, headers);
    assert.equal(answer.statusCode, code, answer.text);
    assert.match(String(answer.headers['content-type']), /^application\/json/);
    assert.equal(answer.body.status, 'Failure');
    assert.match(answer.body.message, message);
    assert.match(
      (await server.get('/metrics')).text,
      new RegExp(`podnet_apiserver_reports_total\\{result="refused",reason="${answer.body.reason}"\\} 1\n`),
    );
    await assertNothingLost(server);
  });
}

test("another live node's name is a 409", async () => {
  const server = await filledServer();
  const answer = await server.push(nodeReport(900_000, { bootId: 'boot-b' }));
  assert.deepEqual([answer.statusCode, answer.body.reason], [409, 'Conflict']);
  await assertNothingLost(server);
});

/** A report of one good pod, which has its third sample, and one pod that is as given. */
function withPod(bad: unknown): Buffer {
  const web0 = podReport({ interfaces: [interfaceReport({ readings: [readingOf(300)] })] });
  return gzipSync(JSON.stringify({ ...nodeReport(3_000), pods: [web0, bad] }));
}
const other = (change: Record<string, unknown>) => ({ ...podReport({ name: 'other', uid: 'other' }), ...change });
const otherInterface = (change: Record<string, unknown>) =>
  other({ interfaces: [{ ...interfaceReport(), ...change }] });
const counter = (value: unknown) => otherInterface({ readings: [[value, 1, 2, 3, 4, 5, 6, 7]] });

const ENTRIES: readonly (readonly [string, unknown, string, RegExp])[] = [
  ['a pod that is none', 'pod', 'bad_pod', /^pods\[1\] /],
  ['a pod name with NUL', other({ name: 'a\u0000b' }), 'bad_pod', /name: must match pattern .*, not "a\\u0000b"/],
  [
    'a pod created at no time',
    other({ creationTimestamp: '2026-13-45T00:00:00Z' }),
    'bad_pod',
    /creationTimestamp: no such time/,
  ],
  ['a pod that stands twice', podReport(), 'duplicate_pod', /uid uid-web-0 stands before/],
  [
    'a label value with a quote',
    other({ labels: { app: 'a"b' } }),
    'bad_label',
    /^pods\[1\]\.labels "a\\"b" is not a value for the label app/,
  ],
  ['a label value with a newline', other({ labels: { app: 'a\nb' } }), 'bad_label', /"a\\nb" is not a value/],
  [
    'a label value that is too long',
    other({ labels: { app: 'x'.repeat(64) } }),
    'bad_label',
    /is not a value for the label app/,
  ],
  ['a label value that is no text', other({ labels: { app: 1 } }), 'bad_label', /1 is not a value for the label app/],
  ['a label key that is none', other({ labels: { '__proto__x y': 'a' } }), 'bad_label', /is not a label key/],
  [
    'a negative counter',
    counter(-1),
    'bad_counter',
    /^pods\[1\]\.interfaces\[0\]\.readings\[0\] receiveBytes is not a count: -1/,
  ],
  ['a fractional counter', counter(0.5), 'bad_counter', /is not a count: 0\.5/],
  ['a counter that is NaN', counter('NaN'), 'bad_counter', /is not a count: "NaN"/],
  [
    'a reading of seven',
    otherInterface({ readings: [[1, 2, 3, 4, 5, 6, 7]] }),
    'bad_counter',
    /a reading has 8 counters/,
  ],
  [
    'a reading too many',
    otherInterface({ readings: [readingOf(1), readingOf(2)] }),
    'bad_interface',
    /2 readings for 1 samples/,
  ],
  ['an interface name with a newline', otherInterface({ name: 'a\nb' }), 'bad_interface', /name: must match pattern/],
  ['a network that is no name', otherInterface({ network: 'a"b' }), 'bad_interface', /network: must match pattern/],
  ['transport counters that are no list', other({ transport: 'x' }), 'bad_transport', /want a list of 1, .*: "x"$/],
  [
    'a transport reading too many',
    other({ transport: [transportOf(1), transportOf(2)] }),
    'bad_transport',
    /^pods\[1\]\.transport want a list of 1, .*: a list of 2$/,
  ],
  ['a transport reading of eight', other({ transport: [readingOf(1)] }), 'bad_counter', /a reading has 12 counters/],
  [
    'a negative transport counter',
    other({ transport: [[1, -1, ...transportOf(1).slice(2)]] }),
    'bad_counter',
    /^pods\[1\]\.transport\[0\] tcpOutgoingResets is not a count: -1$/,
  ],
  [
    'transport counters of a pod on the host network',
    other({ hostNetwork: true, interfaces: [], transport: [transportOf(1)] }),
    'host_network',
    /^pods\[1\]\.transport a pod on the host network is not given/,
  ],
  [
    'a container that is none',
    other({ container: { name: 'a b', image: 'i', cgroup: '' } }),
    'bad_container',
    /^pods\[1\]\.container name: must match pattern/,
  ],
  [
    'an interface that stands twice',
    other({ interfaces: [interfaceReport(), interfaceReport()] }),
    'duplicate_interface',
    /"eth0" stands before in this pod/,
  ],
];

for (const [what, pod, reason, message] of ENTRIES) {
  test(`${what} is left out, counted and named`, async () => {
    const server = await filledServer();
    const { statusCode, body } = await server.pushBody(withPod(pod));
    assert.equal(statusCode, 200);
    assert.equal(body.rejectedCount, 1);
    assert.equal(body.rejected[0]?.reason, reason);
    assert.match(`${body.rejected[0]?.entry ?? ''} ${body.rejected[0]?.message ?? ''}`, message);
    assert.match((await server.get('/metrics')).text, new RegExp(`entries_rejected_total\\{reason="${reason}"\\} 1\n`));
    assert.equal((await server.get(metricPath('web-0', METRIC))).body.items[0]?.value, '100');
  });
}

test('values nested deep are judged like any other', async () => {
  const deep = '['.repeat(50_000) + ']'.repeat(50_000);
  const whole = JSON.stringify({ ...nodeReport(1_000), pods: [podReport({ labels: { app: 'DEEP' } })] });
  const server = createTestServer();
  const label = await server.pushBody(gzipSync(whole.replace('"DEEP"', deep)));
  assert.deepEqual([label.statusCode, label.body.rejected[0]?.reason], [200, 'bad_label']);
  assert.equal((await server.pushBody(gzipSync(whole.replace('"NodeReport"', deep)))).statusCode, 400);
});

test('invalid UTF-8 costs the entry that it stands in', async () => {
  const server = await filledServer();
  const text = JSON.stringify({ ...nodeReport(3_000), pods: [podReport({ labels: { app: 'web', tier: 'BAD' } })] });
  const bytes = Buffer.from(text);
  bytes.set([0xff, 0xfe, 0xfd], bytes.indexOf('BAD'));
  const { body } = await server.pushBody(gzipSync(bytes));
  assert.deepEqual(
    body.rejected.map(({ reason }) => reason),
    ['bad_label'],
  );
  assert.equal((await server.get(metricPath('*', METRIC, { labelSelector: 'app=web,!tier' }))).body.items.length, 1);
});

test('an interface that had to be left out makes the sum over its pod absent', async () => {
  const server = createTestServer();
  for (const second of [1, 2]) {
    const bad = { ...interfaceReport({ name: 'net1' }), network: 'a b' };
    await server.pushBody(
      gzipSync(
        JSON.stringify(nodeReport(second * 1_000, { pods: [podReport({ interfaces: [interfaceReport(), bad] })] })),
      ),
    );
  }
  assert.deepEqual((await server.get(metricPath('*', METRIC))).body.items, []);
  assert.match((await server.get('/metrics')).text, /podnet_interface_receive_bytes_total\{.*interface="eth0"/);
});

test('a pod whose interfaces are not known yet is no bad entry', async () => {
  const server = createTestServer();
  const { interfaces: _, ...unread } = podReport();
  const { body } = await server.push(nodeReport(1_000, { pods: [unread] }));
  assert.deepEqual(body.rejected, []);
  const { body: answer } = await server.get(metricPath('web-0', METRIC));
  assert.match(answer.message, /its agent could not read its interfaces yet$/);
});

test('what a bad transport or container stands beside is taken', async () => {
  const server = createTestServer();
  for (const second of [1, 2]) {
    const web = { ...podReport({ interfaces: [interfaceReport({ readings: [readingOf(second * 100)] })] }) };
    const pods = [{ ...web, transport: [[1]], container: 7 }];
    const { body } = await server.pushBody(gzipSync(JSON.stringify({ ...nodeReport(second * 1_000), pods })));
    assert.deepEqual(
      body.rejected.map(({ entry, reason }) => [entry, reason]),
      [
        ['pods[0].container', 'bad_container'],
        ['pods[0].transport[0]', 'bad_counter'],
      ],
    );
  }
  assert.equal((await server.get(metricPath('web-0', METRIC))).body.items[0]?.value, '100');
});

test('the container of a pod is kept, and nothing else that stands there', async () => {
  const server = createTestServer();
  const container = { name: 'app', image: 'registry/app:1', cgroup: '/kubepods/pod1/c1' };
  await server.push(nodeReport(1_000, { pods: [podReport({ container: { ...container, ...{ more: 1 } } })] }));
  const [pod] = server.store.reported('default', 'web-0');
  assert.deepEqual(pod?.meta.container, container);
});

test('a sample that cannot be is left out, and the readings of the others stay theirs', async () => {
  const server = createTestServer();
  const samples = [
    { sequence: 1, takenAt: 1_000 },
    { sequence: 2, takenAt: 99_000 },
    { sequence: 3, takenAt: 2_000 },
  ];
  const readings = [readingOf(100), readingOf(9e9), readingOf(200)];
  const { body } = await server.push(
    nodeReport(2_000, { sequence: 3, samples, pods: [podReport({ interfaces: [interfaceReport({ readings })] })] }),
  );
  assert.deepEqual(
    body.rejected.map(({ entry, reason }) => [entry, reason]),
    [['samples[1]', 'bad_sample']],
  );
  assert.equal((await server.get(metricPath('web-0', METRIC))).body.items[0]?.value, '100');
});

test('only the first hundred rejections are named, all are counted', async () => {
  const server = createTestServer();
  const { body } = await server.pushBody(
    gzipSync(JSON.stringify({ ...nodeReport(1_000), pods: new Array(150).fill(0) })),
  );
  assert.deepEqual([body.rejected.length, body.rejectedCount], [100, 150]);
});

test('devices, probes and IP addresses are judged like pods', async () => {
  const server = createTestServer();
  const virtualFunctions = [{ pf: 'ens1f0', vf: -1 }];
  const { body } = await server.pushBody(
    gzipSync(JSON.stringify({ ...nodeReport(1_000), virtualFunctions, probes: [1], ipam: [{}] })),
  );
  assert.deepEqual(
    body.rejected.map(({ entry }) => entry),
    ['virtualFunctions[0]', 'probes', 'ipam[0]'],
  );
});

test('a complaint about a node is logged when it changes, not at every report', async () => {
  const server = await filledServer();
  for (const second of [3, 4, 5]) {
    const bad = podReport({ labels: { app: second < 5 ? '?' : 'fine' } });
    await server.push(nodeReport(second * 1_000, { pods: [bad] }));
  }
  const lines = server.logged.filter((line) => line.includes('node=node-a'));
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? '', /warn entries of the report were left out .*reasons=bad_label/);
  assert.match(lines[1] ?? '', /info every entry of the report is good again/);
});

test('whatever JSON comes, the answer is a 200 or a 4xx and nothing stored is lost', async () => {
  const server = await filledServer();
  const report = nodeReport(1_500) as unknown as Record<string, unknown>;
  const keys = fc.constantFrom(...Object.keys(report));
  await fc.assert(
    fc.asyncProperty(keys, fc.jsonValue({ maxDepth: 4 }), async (key, value) => {
      const { statusCode, text } = await server.pushBody(
        gzipSync(JSON.stringify({ ...report, node: 'node-z', [key]: value })),
      );
      assert.ok(statusCode === 200 || (statusCode >= 400 && statusCode < 500), text);
    }),
    { numRuns: 300 },
  );
  await assertNothingLost(server);
});
