// How long it takes to connect to a node, through the whole server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricValueListV1Beta1 } from '../../../openapi/metric-values.js';
import type { Status } from '../../../openapi/kubernetes.js';
import type { Probed } from '../../support/probe-reports.js';
import { createTestServer, type TestServer } from '../../support/app.js';
import { createTestCluster, type TestCluster } from '../../support/cluster.js';
import { meshReport, nodeOf, type Mesh, type MeshDial } from '../../support/probe-mesh.js';

const METRIC = 'network_dial_latency_seconds';
const CUSTOM = '/apis/custom.metrics.k8s.io/v1beta2';
const SIX: Mesh = {
  zones: ['z1', 'z2', 'z1', 'z2', 'z1', 'z2'],
  k: 4,
  networks: ['default', 'sriov_'],
  families: ['ipv4', 'ipv6'],
};
/** In the middle of the second bucket of all: 87.5 µs of it is the median. */
const FAST = 0.000_1;

interface Options {
  readonly mesh?: Mesh;
  /** Seconds that each dial takes; undefined: it fails. */
  readonly took: (dial: MeshDial) => number | undefined;
  readonly seconds?: readonly number[];
}

/** Each agent has made a dial of each peer a second, since the first. */
async function fixture(options: Options): Promise<{ server: TestServer; cluster: TestCluster }> {
  const { mesh = SIX, took, seconds = [10, 11, 12] } = options;
  const cluster = createTestCluster();
  const server = createTestServer({ cluster });
  for (const second of seconds) {
    for (const prober of mesh.zones.keys()) {
      const probed = (dial: MeshDial): Probed<'dial'> => {
        const latency = took(dial);
        if (latency === undefined) return { failures: { timeout: second } };
        return { latencies: Array.from({ length: second }, () => latency) };
      };
      const went = (dial: MeshDial) => took(dial) ?? 'failing';
      const { statusCode, body } = await server.push(meshReport(mesh, prober, second * 1_000, went, probed));
      assert.equal(statusCode, 200, body.message);
    }
    server.clock.advance(1_000);
  }
  return { server, cluster };
}

const selected = (selector: string): string =>
  selector === '' ? '' : `?${new URLSearchParams({ metricLabelSelector: selector }).toString()}`;

async function valueOf(server: TestServer, node: string, selector = ''): Promise<string | undefined> {
  const { statusCode, body } = await server.get(`${CUSTOM}/nodes/${node}/${METRIC}${selected(selector)}`);
  return statusCode === 200 ? body.items[0]?.value : body.message;
}

async function valuesOf(server: TestServer, selector = ''): Promise<string[]> {
  const { body } = await server.get(`${CUSTOM}/nodes/*/${METRIC}${selected(selector)}`);
  return body.items.map(({ describedObject: { name }, value }) => `${name}=${value}`);
}

test('a latency is one item, in seconds, less than a milli included', async () => {
  const { server } = await fixture({ took: () => FAST });
  const { statusCode, body } = await server.get(`${CUSTOM}/nodes/node-a/${METRIC}${selected('quantile=p99')}`);
  assert.equal(statusCode, 200, body.message);
  assert.deepEqual(body.items, [
    {
      describedObject: { kind: 'Node', name: 'node-a', apiVersion: 'v1' },
      metric: { name: METRIC, selector: { matchLabels: { quantile: 'p99' } } },
      timestamp: '2026-11-21T00:00:02Z',
      windowSeconds: 2,
      value: '125u',
    },
  ]);
});

test('v1beta1 has the same, and below a namespace nodes answer where figures of the cluster do', async () => {
  const { server } = await fixture({ took: () => FAST });
  const { body } = await server.get<MetricValueListV1Beta1>(
    `/apis/custom.metrics.k8s.io/v1beta1/namespaces/podnet-system/nodes/node-a/${METRIC}`,
  );
  assert.deepEqual(
    body.items.map(({ metricName, window, value }) => [metricName, window, value]),
    [[METRIC, 2, '88u']],
  );
  const other = await server.get<Status>(`${CUSTOM}/namespaces/shop/nodes/node-a/${METRIC}`);
  assert.equal(other.statusCode, 403);
});

test('20 ms of delay at one node moves its p99 and no one else’s', async () => {
  const late = ({ prober, peer }: MeshDial): number => FAST + (prober === 2 || peer === 2 ? 0.02 : 0);
  const { server } = await fixture({ took: late });
  assert.deepEqual(await valuesOf(server, 'quantile=p99'), [
    ...['node-a=125u', 'node-b=125u', 'node-c=31840u', 'node-d=125u', 'node-e=125u', 'node-f=125u'],
  ]);
});

test('a node that fails for most of its probers has the latency of the others', async () => {
  const { server } = await fixture({ took: ({ peer, prober }) => (peer === 2 && prober !== 1 ? undefined : FAST) });
  assert.equal(await valueOf(server, 'node-c'), '88u');
});

const QUANTILES: readonly (readonly [string, string])[] = [
  ['', '88u'],
  ['quantile=p50', '88u'],
  ['quantile in (p50)', '88u'],
  ['quantile=0.5', '88u'],
  ['quantile=p99', '125u'],
  ['quantile==p99.9', '125u'],
  ['quantile=0.99', '125u'],
  ['quantile=p1', '51u'],
  ['quantile=p0.5', '51u'],
];
for (const [selector, value] of QUANTILES) {
  test(`the selector ${selector} is of the quantile that it says`, async () => {
    const { server } = await fixture({ took: () => FAST });
    assert.equal(await valueOf(server, 'node-a', selector), value);
  });
}

for (const said of ['=50', '=p', '=p100', '=p0', '=1', '=0', '=0.0', '=.5', '=1.5', '=P99', '=p99.', '=99p', '=']) {
  test(`the selector quantile${said} is a 400 with the way out`, async () => {
    const { server } = await fixture({ took: () => FAST });
    await refused(server, `quantile${said}`);
  });
}

for (const selector of [
  'quantile!=p50',
  'quantile in (p50,p99)',
  'quantile=p50,quantile=p99',
  'quantile',
  '!quantile',
]) {
  test(`the selector ${selector} is a 400: it is not one quantile`, async () => {
    const { server } = await fixture({ took: () => FAST });
    await refused(server, selector);
  });
}

async function refused(server: TestServer, selector: string): Promise<void> {
  const { statusCode, body } = await server.get<Status>(`${CUSTOM}/nodes/node-a/${METRIC}${selected(selector)}`);
  assert.equal(statusCode, 400, selector);
  const said =
    /^metricLabelSelector: (quantile: want one quantile between 0 and 1, such as quantile=p50, .*0\.99$|unable to parse)/;
  assert.match(body.message, said);
}

const SLOW_ONES: readonly (readonly [string, string, (dial: MeshDial) => boolean])[] = [
  ['network=sriov_x', '750u', ({ network }) => network === 'sriov_'],
  ['network=default', '88u', ({ network }) => network === 'sriov_'],
  ['network!=default', '750u', ({ network }) => network === 'sriov_'],
  ['node=node-b', '750u', ({ prober }) => prober === 1],
  ['node in (node-c,node-d)', '88u', ({ prober }) => prober === 1],
  ['family=ipv6', '750u', ({ family }) => family === 'ipv6'],
  ['family!=ipv6', '88u', ({ family }) => family === 'ipv6'],
  ['peer_zone=z1', '750u', ({ peer }) => peer % 2 === 0],
  ['peer_node=node-g', '750u', ({ peer }) => peer === 6],
];
for (const [selector, value, isSlow] of SLOW_ONES) {
  test(`the selector ${selector} chooses series by their labels`, async () => {
    const mesh = { ...SIX, zones: [...SIX.zones, 'z1'], k: 6 };
    const { server } = await fixture({ mesh, took: (dial) => (isSlow(dial) ? 0.000_7 : FAST) });
    assert.equal(await valueOf(server, 'node-g', selector), value);
  });
}

test('a family is chosen as on /metrics, and a zone that nobody knows is no label', async () => {
  const mesh = { zones: ['', '', '', ''], k: 3, families: ['ipv4', 'ipv6'] as const };
  const { server } = await fixture({ mesh, took: ({ family }) => (family === 'ipv6' ? 0.000_7 : FAST) });
  const said = await Promise.all(
    ['family=ipv6', 'family=ipv4', '!peer_zone'].map((one) => valueOf(server, 'node-a', one)),
  );
  assert.deepEqual(said.slice(0, 2), ['750u', '88u']);
  assert.match(said[2] ?? '', /^\d+u$/);
});

test('the window chooses how much of the history counts', async () => {
  const server = createTestServer();
  const counts = [
    [10, { latencies: Array.from({ length: 10 }, () => 0.000_7) }],
    [20, { latencies: Array.from({ length: 40 }, () => 0.000_7) }],
    [21, { latencies: [...Array.from({ length: 40 }, () => 0.000_7), FAST] }],
  ] as const;
  for (const [second, probed] of counts) {
    for (const prober of [0, 1]) {
      await server.push(
        meshReport(
          { zones: ['', ''], k: 1 },
          prober,
          second * 1_000,
          () => FAST,
          () => probed,
        ),
      );
    }
    server.clock.advance(1_000);
  }
  assert.equal(await valueOf(server, 'node-a', 'window=1s'), '88u');
  assert.equal(await valueOf(server, 'node-a', 'window=30s'), '742u');
});

test('a list has the nodes that have a latency, and a labelSelector chooses among them', async () => {
  const took = ({ peer }: MeshDial) => (peer === 3 ? undefined : FAST);
  const { server, cluster } = await fixture({ took });
  assert.deepEqual(
    await valuesOf(server),
    ['a', 'b', 'c', 'e', 'f'].map((letter) => `node-${letter}=88u`),
  );
  cluster.named.set('nodes?zone=z1', ['node-c', 'node-d', 'node-z']);
  const { body } = await server.get(`${CUSTOM}/nodes/*/${METRIC}?labelSelector=zone%3Dz1`);
  assert.deepEqual(
    body.items.map(({ describedObject }) => describedObject.name),
    ['node-c'],
  );
});

const ABSENT: readonly (readonly [string, Options, string, RegExp])[] = [
  ['that nobody dials', { took: () => FAST }, 'node-z', /node-z: no agent that reports now dials it$/],
  ['that nobody reaches', { took: () => undefined }, 'node-a', /node-a: no dial of it succeeded within the window$/],
  ['of one sample', { took: () => FAST, seconds: [10] }, 'node-a', /: no agent that dials it has two samples/],
];
for (const [name, options, node, message] of ABSENT) {
  test(`a node ${name} has none, and it is said why`, async () => {
    const { server } = await fixture(options);
    const { statusCode, body } = await server.get<Status>(`${CUSTOM}/nodes/${node}/${METRIC}`);
    assert.equal(statusCode, 404);
    assert.match(body.message, message);
  });
}

test('no series that the selector chooses, no latency; and none of agents that are silent', async () => {
  const { server } = await fixture({ took: () => FAST });
  const said = (await valueOf(server, 'node-a', 'network=nope')) ?? '';
  assert.match(said, /with selector network=nope: none of its series matches the metric selector$/);
  server.clock.advance(60_000);
  assert.match((await valueOf(server, 'node-a')) ?? '', /: no agent that reports now dials it$/);
  assert.deepEqual(await valuesOf(server), []);
});

test('it is a metric of nodes alone', async () => {
  const { server } = await fixture({ took: () => FAST });
  for (const path of ['namespaces/default/pods/*', 'namespaces/default/metrics']) {
    const { statusCode, body } = await server.get<Status>(`${CUSTOM}/${path}/${METRIC}`);
    assert.equal(statusCode, 404);
    assert.match(
      body.message,
      /network_dial_latency_seconds .*: it is measured of nodes; served are network_receive_b/,
    );
  }
  const external = await server.get<Status>(`/apis/external.metrics.k8s.io/v1beta1/namespaces/podnet-system/${METRIC}`);
  assert.equal(external.statusCode, 404);
});

test('a rate of nodes has no quantile', async () => {
  const { server } = await fixture({ took: () => FAST });
  const path = `${CUSTOM}/nodes/${nodeOf(0)}/network_receive_bytes_per_second${selected('quantile=p99')}`;
  const { statusCode, body } = await server.get<Status>(path);
  assert.equal(statusCode, 400);
  assert.match(body.message, /only metrics of latency have quantiles/);
});
