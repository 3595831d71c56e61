// What --max-series keeps out of /metrics, of pods whose interfaces count the same traffic twice.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodReport } from '../../../openapi/node-report.js';
import { createTestServer } from '../../support/app.js';
import { agent, linesOf, OF_A_POD, pod, podsOf, totalOf } from '../../support/limited-pods.js';
import { interfaceReport, readingOf } from '../../support/reports.js';

test('of what counts the traffic of others again the total says on which networks those are', async () => {
  const server = createTestServer({ maxSeries: OF_A_POD });
  const report = agent(server);
  const stacked = (value: number): PodReport =>
    pod(2, value, {
      interfaces: (
        [
          ['net1', 'n3'],
          ['net2', 'n6'],
          ['bond0', 'n9', 'net2', 'net1'],
          // on the network of the one below it: whoever adds up that network has this traffic already
          ['net1.7', 'n3', 'net1'],
        ] as const
      ).map(([name, network, ...lowerDevices]) =>
        interfaceReport({ ...{ name, network, lowerDevices, identity: name }, readings: [readingOf(value)] }),
      ),
    });
  await report(pod(1, 0), stacked(100));
  await report(pod(1, 0), stacked(105));
  const lines = linesOf((await server.get('/metrics')).text, 'podnet_workload_network_receive_bytes_total');
  assert.deepEqual(
    lines.map((line) => /network="(\w+)".*stacked_on="(.*)"} (\d+)$/.exec(line)?.slice(1)),
    [
      ['n3', '', '5'],
      ['n6', '', '5'],
      ['n9', 'n3,n6,', '5'],
    ],
  );
});

test('where there is no room for networks, what is stacked has a total of its own', async () => {
  const server = createTestServer({ maxSeries: 1 });
  const report = agent(server);
  const many = (value: number): PodReport[] =>
    Array.from({ length: 150 }, (_, i) =>
      pod(i, value, {
        workload: { kind: 'Deployment', name: `web-${i}` },
        interfaces: [
          interfaceReport({ name: 'net1', network: `n${i}`, identity: `${i}/1`, readings: [readingOf(value)] }),
          interfaceReport({
            ...{ name: 'bond0', network: `m${i}`, lowerDevices: ['net1'], identity: `${i}/2` },
            readings: [readingOf(value)],
          }),
        ],
      }),
    );
  await report(...many(0));
  await report(...many(1));
  const lines = linesOf((await server.get('/metrics')).text, 'podnet_workload_network_receive_bytes_total');
  const sumOf = (pattern: RegExp): number =>
    lines.filter((line) => pattern.test(line)).reduce((sum, line) => sum + Number(/\d+$/.exec(line)?.[0]), 0);
  assert.ok(lines.some((line) => line.includes('network="",nad_namespace="",stacked_on="*,"')));
  assert.equal(sumOf(/stacked_on=""/), 150);
  assert.equal(sumOf(/stacked_on="[^"]*,"/), 150);
});

test('what is stacked on networks with long names has a total without any', async () => {
  const server = createTestServer({ maxSeries: 1 });
  const report = agent(server);
  const four = Array.from({ length: 4 }, (_, i) => `n${i}`.padEnd(253, 'x'));
  const longest = [...four, 'y'.repeat(1_024 - 4 * 254 - 1)]; // with the commas
  for (const [n, networks] of [longest, [...longest, 'z']].entries()) {
    const lowers = networks.map((network, i) => ({ name: `net${i}`, network }));
    const bond = { name: 'bond0', network: 'n9', lowerDevices: lowers.map(({ name }) => name) };
    for (const value of [0, 3]) {
      const interfaces = [...lowers, bond].map((one) =>
        interfaceReport({ ...one, identity: `${n}/${one.name}`, readings: [readingOf(value)] }),
      );
      await report(pod(n, value, { interfaces }));
    }
  }
  const lines = linesOf((await server.get('/metrics')).text, 'podnet_workload_network_receive_bytes_total');
  const stacked = lines.flatMap((line) => {
    const [, network, stackedOn = '', value] = /,network="(.*)",nad.*stacked_on="(.+)"} (\d+)$/.exec(line) ?? [];
    return network === undefined ? [] : [[network, stackedOn.length, value]];
  });
  assert.deepEqual(stacked, [
    ['n9', 1_024, '3'],
    ['', '*,'.length, '3'],
  ]);
});

test('what is stacked on an interface that nothing is counted of is counted itself', async () => {
  const server = createTestServer({ maxSeries: 1 });
  const report = agent(server);
  for (const value of [0, 3]) {
    const interfaces = [
      interfaceReport({ name: 'vf', network: 'n3', identity: 'vf', unproven: true, readings: [null] }),
      interfaceReport({ name: 'bond0', network: 'n9', lowerDevices: ['vf'], readings: [readingOf(value)] }),
    ];
    await report(pod(1, value, { interfaces }));
  }
  const [line = '', ...others] = linesOf(
    (await server.get('/metrics')).text,
    'podnet_workload_network_receive_bytes_total',
  );
  assert.match(line, /,network="n9",.*stacked_on=""} 3$/);
  assert.deepEqual(others, []);
});

test("what the machine's own interfaces count is in no total", async () => {
  const server = createTestServer({ maxSeries: 1 });
  const report = agent(server);
  for (const value of [0, 7]) await report(pod(1, value, { machine: true }), pod(2, value));
  assert.equal(await totalOf(server), '7');
  assert.equal(await totalOf(server, 'podnet_workload_udp_receive_errors_total'), '7');
});

test('what an interface is stacked on takes room as well', async () => {
  const stacked = pod(1, 0, {
    interfaces: [interfaceReport(), interfaceReport({ name: 'eth0.7', identity: '1/4', lowerDevices: ['eth0'] })],
  });
  for (const [maxSeries, expected] of [
    [OF_A_POD + 9, []],
    [OF_A_POD + 10, ['web-1']],
  ] as const) {
    const server = createTestServer({ maxSeries });
    await agent(server)(stacked);
    assert.deepEqual(await podsOf(server), expected);
  }
});
