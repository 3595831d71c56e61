// What makes an HPA source trustworthy (design, section 5), through the whole server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestServer } from '../../support/app.js';
import { metricsOf, pushAll, report, valueOf } from '../../support/one-pod.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

const DAY_MS = 86_400_000;

test('one sample is no rate: the pod is absent, not 0', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, 1_000_000));
  assert.equal(await valueOf(server), undefined);
  assert.match(await metricsOf(server), / 1000000\n/);
  await pushAll(server, report(2, 1_000_500));
  assert.equal(await valueOf(server), '500');
});

test('an idle pod is 0: that is measured', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, 7), report(2, 7));
  assert.equal(await valueOf(server), '0');
});

test('a dead agent makes its pods absent after max(3 intervals, 15 s), never 0', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, 0), report(2, 100));
  server.clock.advance(15_000);
  assert.equal(await valueOf(server), '100');
  server.clock.advance(1);
  assert.equal(await valueOf(server), undefined);
  assert.doesNotMatch(await metricsOf(server), /web-0/);
});

test('the bound follows the interval', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, 0, { intervalMs: 10_000 }), report(2, 100, { intervalMs: 10_000 }));
  server.clock.advance(30_000);
  assert.equal(await valueOf(server), '100');
  server.clock.advance(1);
  assert.equal(await valueOf(server), undefined);
});

test('a sample that was old when it was sent is as old when it is read', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, 0, { sentAt: 1_000 }), report(2, 100, { sentAt: 12_000 }));
  server.clock.advance(5_000);
  assert.equal(await valueOf(server), '100');
  server.clock.advance(1);
  assert.equal(await valueOf(server), undefined);
});

test('a pod no longer listed is gone at once, from both faces', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, 0), report(2, 100), report(3, 0, { pods: [] }));
  assert.equal(await valueOf(server), undefined);
  assert.doesNotMatch(await metricsOf(server), /web-0/);
});

test('a pod recreated under its name starts anew, and its predecessor is not taken for it', async () => {
  const server = createTestServer();
  const recreated = (second: number, value: number) =>
    report(second, 0, {
      pods: [
        podReport({ interfaces: [interfaceReport({ readings: [readingOf(9_000)] })] }),
        podReport({
          uid: 'uid-2',
          creationTimestamp: '2026-11-20T11:00:00Z',
          interfaces: [interfaceReport({ readings: [readingOf(value)] })],
        }),
      ],
    });
  await pushAll(server, report(1, 8_000), report(2, 8_500), recreated(3, 10));
  assert.equal(await valueOf(server), undefined);
  await pushAll(server, recreated(4, 30));
  assert.equal(await valueOf(server), '20');
  assert.equal((await metricsOf(server)).match(/pod="web-0"/g)?.length, 1, 'one series under one name');
});

// Fault of network-metrics-daemon: one pod told by two targets makes every join fail.
test('a pod that moved to another node is read there', async () => {
  const server = createTestServer();
  const moved = { node: 'node-b', bootId: 'boot-b', instance: { id: 'b', startedAt: 0 } };
  const pod = (value: number) => [
    podReport({
      uid: 'uid-2',
      creationTimestamp: '2026-11-20T11:00:00Z',
      interfaces: [interfaceReport({ readings: [readingOf(value)] })],
    }),
  ];
  await pushAll(
    server,
    report(1, 0),
    report(2, 100),
    report(51, 0, { ...moved, pods: pod(0) }),
    report(52, 0, { ...moved, pods: pod(7) }),
  );
  assert.equal(await valueOf(server), '7');
});

test('a node that claims the pod of another gets it only when that one has fallen silent', async () => {
  const server = createTestServer();
  const claim = (second: number, value: number) => report(second, value, { node: 'node-b', bootId: 'boot-b' });
  await pushAll(server, report(1, 0), report(2, 100), claim(1, 0), claim(2, 9e9));
  assert.equal(await valueOf(server), '100');
  server.clock.advance(13_000);
  await pushAll(server, claim(15, 9e9));
  assert.equal(await valueOf(server, 'web-0', 'window=1s'), '0');
});

test('a counter that steps back contributes nothing and is never negative', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, 1_000), report(2, 1_100), report(3, 50), report(4, 150));
  assert.equal(await valueOf(server), '100');
});

test('a counter proven new by its identity contributes its value', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, 1_000), report(2, 1_100), report(3, 50, {}, '1/9'));
  assert.equal(await valueOf(server), '75');
});

test('a counter that comes with a past, as a device moved in does, brings none of it along', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, 1_000), report(2, 1_100), report(3, 5e9, {}, '1/9'), report(4, 5e9 + 100, {}, '1/9'));
  assert.equal(await valueOf(server), '100');
});

test('the past of a PCI device is no growth, however small', async () => {
  const [device, other] = ['0000:02:0a.0', '0000:02:0a.1'];
  for (const [before, after] of [
    [undefined, device],
    [device, other],
    [device, device],
    [device, undefined],
  ]) {
    const server = createTestServer();
    const of = (second: number, value: number, [identity, pciAddress]: readonly [string, string | undefined]) =>
      report(second, 0, {
        pods: [
          podReport({
            interfaces: [
              interfaceReport({
                identity,
                readings: [readingOf(value)],
                ...(pciAddress !== undefined && { pciAddress }),
              }),
            ],
          }),
        ],
      });
    const [first, second] = [['1/3', before] as const, ['1/9', after] as const];
    await pushAll(server, of(1, 1e10, first), of(2, 1e10 + 100, first), of(3, 9e9, second), of(4, 9e9 + 100, second));
    assert.equal(await valueOf(server), '100', `${before} to ${after}`);
    // Back, and over again: what was there before is no new counter either.
    await pushAll(server, of(5, 1e9, first), of(6, 1e9 + 100, first), of(7, 9e8, second), of(8, 9e8 + 100, second));
    assert.equal(await valueOf(server), '100', `${before} to ${after} and back`);
  }
});

test('an address that becomes known of a device costs no sample of it', async () => {
  const server = createTestServer();
  const of = (second: number, value: number, pciAddress?: string) =>
    report(second, 0, {
      pods: [
        podReport({
          interfaces: [
            interfaceReport({ readings: [readingOf(value)], ...(pciAddress !== undefined && { pciAddress }) }),
          ],
        }),
      ],
    });
  await pushAll(server, of(1, 0), of(2, 100, '0000:02:0a.0'));
  assert.equal(await valueOf(server), '100');
});

test('an identity that is not known proves nothing, in either direction', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, 1_000), report(2, 1_100, {}, ''), report(3, 1_200));
  assert.equal(await valueOf(server), '100');
});

test('one interface without a fresh rate makes the sum over the pod absent, and others can still be asked', async () => {
  const server = createTestServer();
  const pods = (value: number, second: (number | null)[] | null) => [
    podReport({
      interfaces: [
        interfaceReport({ readings: [readingOf(value)] }),
        interfaceReport({ name: 'net1', network: 'n3', readings: [second] }),
      ],
    }),
  ];
  await pushAll(server, report(1, 0, { pods: pods(0, null) }), report(2, 0, { pods: pods(100, null) }));
  assert.equal(await valueOf(server), undefined);
  assert.equal(await valueOf(server, 'web-0', 'interface=eth0'), '100');
});

test('a bond and its slaves are counted once', async () => {
  const server = createTestServer();
  const pods = (value: number) => {
    const item = (name: string, lowerDevices: string[], counter: number) =>
      interfaceReport({ name, lowerDevices, readings: [readingOf(counter)] });
    return [
      podReport({
        interfaces: [item('bond0', ['eth0', 'eth1'], 2 * value), item('eth0', [], value), item('eth1', [], value)],
      }),
    ];
  };
  await pushAll(server, report(1, 0, { pods: pods(0) }), report(2, 0, { pods: pods(50) }));
  assert.equal(await valueOf(server), '100');
  assert.equal(await valueOf(server, 'web-0', 'interface=bond0'), '100');
});

test('a pod on the host network has no traffic of its own', async () => {
  const server = createTestServer();
  const pods = [podReport({ hostNetwork: true })];
  server.clock.advance(1_000);
  const { body } = await server.push(report(1, 0, { pods }));
  assert.deepEqual(
    body.rejected.map(({ reason }) => reason),
    ['host_network'],
  );
  await pushAll(server, report(2, 0, { pods }));
  assert.equal(await valueOf(server), undefined);
  assert.match((await server.get('/metrics?family=podnet_pod_info')).text, /host_network="true"} 1/);
});

test('a restarted server answers every window after one push that brings the history', async () => {
  const history = Array.from({ length: 61 }, (_, i) => ({ sequence: i + 1, takenAt: (i + 1) * 5_000 }));
  const readings = history.map((_, i) => readingOf(i < 30 ? i * 500 : 15_000 + (i - 30) * 5_000));
  const server = createTestServer();
  server.clock.advance(1_000);
  const { body } = await server.push(
    nodeReport(305_000, {
      sequence: 61,
      intervalMs: 5_000,
      samples: history,
      pods: [podReport({ interfaces: [interfaceReport({ readings })] })],
    }),
  );
  assert.equal(body.lastSequence, 61);
  assert.equal(await valueOf(server, 'web-0', 'window=30s'), '1k');
  assert.equal(await valueOf(server), '1k');
  assert.equal(await valueOf(server, 'web-0', 'window=5m'), '550');
});

test('samples that come again are not counted again', async () => {
  const server = createTestServer();
  const both = nodeReport(2_000, {
    samples: [
      { sequence: 1, takenAt: 1_000 },
      { sequence: 2, takenAt: 2_000 },
    ],
    pods: [podReport({ interfaces: [interfaceReport({ identity: '1/3', readings: [readingOf(0), readingOf(100)] })] })],
  });
  await pushAll(server, report(1, 0), both, both, report(1, 5_000));
  assert.equal(await valueOf(server), '100');
});

test('an older sequence, or a report of the agent before, changes nothing', async () => {
  const server = createTestServer();
  await pushAll(server, report(10, 0), report(11, 100));
  await pushAll(server, report(12, 9e9, { sequence: 3, pods: [] }));
  assert.equal(await valueOf(server), '100');
  const restarted = {
    instance: { id: 'second', startedAt: 11_500 },
    sequence: 1,
    samples: [{ sequence: 1, takenAt: 12_000 }],
  };
  await pushAll(server, report(12, 200, restarted));
  const late = await server.push(report(13, 9e9));
  assert.deepEqual([late.statusCode, late.body.reason], [409, 'Conflict']);
  assert.equal(await valueOf(server), '100');
});

test('a rebooted node starts anew; another machine of its name is refused while it lives', async () => {
  const server = createTestServer();
  await pushAll(server, report(1_000, 0), report(1_001, 100));
  const twin = await server.push(report(5_000, 9e9, { bootId: 'boot-twin' }));
  assert.deepEqual([twin.statusCode, twin.body.reason], [409, 'Conflict']);
  assert.match(twin.body.message, /node-a: another machine reports under this name/);
  assert.equal(await valueOf(server), '100');
  server.clock.advance(10_000);
  const rebooted = (second: number, value: number) =>
    report(second, value, { bootId: 'boot-2', sequence: second, instance: { id: 'second', startedAt: 0 } });
  await pushAll(server, rebooted(8, 0));
  assert.equal(await valueOf(server), undefined);
  await pushAll(server, rebooted(9, 30));
  assert.equal(await valueOf(server), '30');
});

for (const [direction, jumpMs] of [
  ['forwards', DAY_MS],
  ['backwards', -DAY_MS],
] as const) {
  test(`a node whose clock jumps a day ${direction} is absent until it has two samples again; others do not notice`, async () => {
    const server = createTestServer();
    const other = (second: number) => ({
      ...report(second, second * 10),
      node: 'node-b',
      pods: [
        podReport({
          name: 'other',
          uid: 'other',
          interfaces: [interfaceReport({ readings: [readingOf(second * 10)] })],
        }),
      ],
    });
    const at = (second: number, value: number, shiftMs: number) => {
      const atMs = 2 * DAY_MS + second * 1_000 + shiftMs;
      return { ...report(second, value), sentAt: atMs, samples: [{ sequence: second, takenAt: atMs }] };
    };
    await pushAll(server, at(1, 0, 0), other(1), at(2, 100, 0), other(2), at(3, 5_000_000, jumpMs));
    assert.equal(await valueOf(server), undefined);
    assert.equal(await valueOf(server, 'other'), '10');
    await pushAll(server, at(4, 5_000_200, jumpMs));
    assert.equal(await valueOf(server), '200');
    assert.equal(await valueOf(server, 'other'), '10');
    assert.match((await server.get('/metrics')).text, /podnet_apiserver_node_clock_steps_total 1\n/);
  });
}

test('a node that is silent for longer than the history is forgotten, and may come back', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, 0), report(2, 100));
  server.clock.advance(3_600_000);
  await pushAll(server, report(3_605, 200), report(3_606, 300));
  assert.equal(await valueOf(server), '100');
});

test('a report that lay in a socket for a minute is a minute old, and makes nothing look like the present', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, 0), report(2, 100));
  server.clock.advance(59_000);
  await pushAll(server, report(3, 200)); // sent at the third second, taken up at the 62nd: this process was frozen
  assert.equal(await valueOf(server), undefined);
  assert.doesNotMatch(await metricsOf(server), /web-0/);
  await pushAll(server, report(63, 6_200));
  assert.equal(await valueOf(server), '100');
});

test('a node that was paused itself is believed again after four reports', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, 0), report(2, 100));
  server.clock.advance(59_000); // in which its clock stood still
  await pushAll(server, report(3, 200), report(4, 300), report(5, 400));
  assert.equal(await valueOf(server), undefined);
  await pushAll(server, report(6, 500));
  assert.equal(await valueOf(server), '100');
});
