import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Status, Table } from '../../../../openapi/kubernetes.js';
import type { VirtualFunctionReport } from '../../../../openapi/device-report.js';
import type {
  NodeNetworkList,
  PodNetwork,
  PodNetworkList,
  VirtualFunctionList,
} from '../../../../openapi/podnet-api.js';
import { createTestServer, type TestServer } from '../../../support/app.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../../support/reports.js';

const ROOT = '/apis/podnet.dev/v1alpha1';
const KUBECTL_ACCEPT =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';

const VF: VirtualFunctionReport = {
  ...{ pf: 'ens1f0', vf: 3, pciAddress: '0000:01:10.3', numaNode: 1, driver: 'vfio-pci' },
  ...{ epoch: 'e1', isCurrent: true },
  owner: {
    ...{ podUid: 'uid-telco-0', namespace: 'telco', pod: 'telco-0', resource: 'openshift.io/inteldpdk' },
    ...{ network: 'sriov', nadNamespace: 'telco', source: 'kubelet' },
  },
};

async function fixture(): Promise<TestServer> {
  const server = createTestServer();
  for (const second of [1, 2]) {
    const telco = ['telco-0', 'telco-1'].map((name) =>
      podReport({
        ...{ namespace: 'telco', name, uid: `uid-${name}`, labels: { app: name } },
        interfaces: [
          interfaceReport({ readings: [readingOf(100 * second)] }),
          interfaceReport({
            ...{ name: 'net1', network: 'sriov', nadNamespace: 'telco', primary: false, identity: '1/4' },
            ...{ pciAddress: VF.pciAddress, readings: [readingOf(1_500_000 * second)] },
          }),
        ],
      }),
    );
    await server.push(nodeReport(second * 1_000, { pods: [...telco, podReport()], virtualFunctions: [VF] }));
    server.clock.advance(1_000);
  }
  return server;
}

async function names(server: TestServer, path: string): Promise<string[]> {
  const { statusCode, body } = await server.get<PodNetworkList & { message?: string }>(ROOT + path);
  assert.equal(statusCode, 200, body.message);
  return body.items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}

test('a podnetwork is one interface of a pod, with what it carries', async () => {
  const server = await fixture();
  const { body } = await server.get<PodNetwork>(`${ROOT}/namespaces/telco/podnetworks/telco-0.net1`);
  assert.deepEqual(body, {
    apiVersion: 'podnet.dev/v1alpha1',
    kind: 'PodNetwork',
    metadata: {
      name: 'telco-0.net1',
      namespace: 'telco',
      labels: { app: 'telco-0' },
      creationTimestamp: '2026-11-20T10:00:00Z',
    },
    pod: { name: 'telco-0', uid: 'uid-telco-0' },
    node: 'node-a',
    interface: 'net1',
    network: 'sriov',
    nadNamespace: 'telco',
    primary: false,
    source: 'netdev',
    pciAddress: '0000:01:10.3',
    timestamp: '2026-11-21T00:00:01Z',
    windowSeconds: 1,
    rates: Object.fromEntries(
      ['receive', 'transmit'].flatMap((direction) =>
        ['Bytes', 'Packets', 'Errors', 'PacketsDropped'].map((what) => [`${direction}${what}`, '1500k']),
      ),
    ),
  });
});

const LISTS: readonly (readonly [string, readonly string[]])[] = [
  [
    '/podnetworks',
    ['default/web-0.eth0', 'telco/telco-0.eth0', 'telco/telco-0.net1', 'telco/telco-1.eth0', 'telco/telco-1.net1'],
  ],
  ['/namespaces/default/podnetworks', ['default/web-0.eth0']],
  ['/namespaces/none/podnetworks', []],
  ['/podnetworks?labelSelector=app%3Dtelco-1', ['telco/telco-1.eth0', 'telco/telco-1.net1']],
  ['/podnetworks?fieldSelector=pod%3Dtelco-0', ['telco/telco-0.eth0', 'telco/telco-0.net1']],
  ['/podnetworks?fieldSelector=network%3Dsriov,pod!%3Dtelco-0', ['telco/telco-1.net1']],
  ['/podnetworks?fieldSelector=node%3D%3Dnode-b', []],
  ['/podnetworks?fieldSelector=metadata.namespace%3Ddefault', ['default/web-0.eth0']],
  ['/podnetworks?fieldSelector=metadata.name%3Dweb-0.eth0', ['default/web-0.eth0']],
  [`/podnetworks?fieldSelector=${'%2C'.repeat(63)}metadata.name%3Dweb-0.eth0`, ['default/web-0.eth0']],
];
for (const [path, expected] of LISTS) {
  test(`${path} lists what it selects`, async () => {
    assert.deepEqual(await names(await fixture(), path), expected);
  });
}

test('pages follow one another to the end', async () => {
  const server = await fixture();
  const seen: string[] = [];
  const remaining: unknown[] = [];
  let next: string | undefined = '';
  while (next !== undefined) {
    const url: string = `${ROOT}/podnetworks?limit=2${next === '' ? '' : `&continue=${next}`}`;
    const { body } = await server.get<PodNetworkList>(url);
    seen.push(...body.items.map(({ metadata }) => metadata.name));
    remaining.push(body.metadata.remainingItemCount);
    next = body.metadata.continue;
  }
  assert.deepEqual(seen, ['web-0.eth0', 'telco-0.eth0', 'telco-0.net1', 'telco-1.eth0', 'telco-1.net1']);
  assert.deepEqual(remaining, [3, 1, undefined]);
});

const BAD: readonly (readonly [string, RegExp])[] = [
  ['/podnetworks?limit=abc', /^limit: not a number: "abc"$/],
  ['/podnetworks?limit=-1', /^limit: /],
  ['/podnetworks?continue=%21', /^continue: not a token of this server/],
  [`/podnetworks?continue=${'a'.repeat(5_000)}`, /^continue: /],
  [
    '/podnetworks?fieldSelector=colour%3Dred',
    /^fieldSelector: "colour" is none of metadata.name, metadata.namespace, node, pod/,
  ],
  [
    // Access could be granted for the name alone, and the name be cut off by the route.
    `/podnetworks?fieldSelector=${'%2C'.repeat(64)}metadata.name%3Dweb-0.eth0`,
    /^fieldSelector: more than 64 terms$/,
  ],
  ['/podnetworks?fieldSelector=node', /^invalid selector: "node"; can't understand it$/],
  [
    '/podnetworks?labelSelector=a%3D%3D%3Db',
    /^labelSelector: unable to parse requirement: found '=', expected: identifier/,
  ],
  ['/namespaces/a%2Fb/podnetworks', /^invalid request path$/],
];
for (const [path, message] of BAD) {
  test(`${path.slice(0, 60)} is a 400 with the reason`, async () => {
    const { statusCode, body } = await (await fixture()).get<Status>(ROOT + path);
    assert.equal(statusCode, 400);
    assert.match(body.message, message);
  });
}

test('a podnetwork that is not there is a 404 as of any resource', async () => {
  const { statusCode, body } = await (await fixture()).get<Status>(`${ROOT}/namespaces/telco/podnetworks/nope`);
  assert.equal(statusCode, 404);
  assert.equal(body.message, 'podnetworks.podnet.dev "nope" not found');
  assert.deepEqual(body.details, { name: 'nope', group: 'podnet.dev', kind: 'podnetworks' });
});

test('a watch is refused', async () => {
  const { statusCode, body } = await (await fixture()).get<Status>(`${ROOT}/podnetworks?watch=true`);
  assert.equal(statusCode, 405);
  assert.match(body.message, /^watch is not supported/);
});

test('kubectl gets rows that people can read', async () => {
  const server = await fixture();
  const { body } = await server.get<Table>(`${ROOT}/namespaces/telco/podnetworks?limit=500`, {
    accept: KUBECTL_ACCEPT,
  });
  assert.equal(body.kind, 'Table');
  const shown = body.columnDefinitions.flatMap(({ name, priority }, i) => (priority === 0 ? [[name, i] as const] : []));
  assert.deepEqual(
    shown.map(([name]) => name),
    ['Name', 'Network', 'Receive', 'Transmit', 'Dropped'],
  );
  assert.deepEqual(
    body.rows.slice(0, 2).map(({ cells }) => shown.map(([, i]) => cells[i])),
    [
      ['telco-0.eth0', 'default', '100 B/s', '100 B/s', '200 pkt/s'],
      ['telco-0.net1', 'telco/sriov', '1.50 MB/s', '1.50 MB/s', '3.00 Mpkt/s'],
    ],
  );
  assert.deepEqual(body.rows[0]?.object, {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: {
      name: 'telco-0.eth0',
      namespace: 'telco',
      labels: { app: 'telco-0' },
      creationTimestamp: '2026-11-20T10:00:00Z',
    },
  });
  for (const { cells } of body.rows) assert.equal(cells.length, body.columnDefinitions.length);
});

test('a row without a rate says why', async () => {
  const server = createTestServer();
  await server.push(nodeReport(1_000));
  const { body } = await server.get<Table>(`${ROOT}/podnetworks`, { accept: KUBECTL_ACCEPT });
  assert.deepEqual(body.rows[0]?.cells.slice(0, 3), ['web-0.eth0', 'default', '<too_few_samples>']);
  const { body: object } = await server.get<PodNetwork>(`${ROOT}/namespaces/default/podnetworks/web-0.eth0`);
  assert.equal(object.absent?.reason, 'too_few_samples');
  assert.equal(object.rates, undefined);
});

test('includeObject chooses what comes with a row', async () => {
  const server = await fixture();
  const objectOf = async (include: string) =>
    (await server.get<Table>(`${ROOT}/podnetworks?includeObject=${include}`, { accept: KUBECTL_ACCEPT })).body.rows[0]
      ?.object;
  assert.equal(await objectOf('None'), undefined);
  assert.equal(((await objectOf('Object')) as PodNetwork).interface, 'eth0');
});

test('an interface name that no path takes is still a name of its own', async () => {
  const server = createTestServer();
  const interfaces = ['eth0:1', 'eth0_1'].map((name) => interfaceReport({ name }));
  await server.push(nodeReport(1_000, { pods: [podReport({ interfaces })] }));
  const listed = await names(server, '/podnetworks');
  assert.equal(new Set(listed).size, 2);
  for (const name of listed) assert.match(name, /^default\/web-0\.eth0-1[0-9a-f]{8}$/);
});

test('a nodenetwork is what a node has and carries', async () => {
  const server = await fixture();
  const { body } = await server.get<NodeNetworkList>(`${ROOT}/nodenetworks`);
  const [node] = body.items;
  assert.deepEqual(
    [node?.metadata.name, node?.roles, node?.pods, node?.interfaces, node?.virtualFunctions, node?.agentVersion],
    ['node-a', ['node'], 3, 5, 1, '0.0.0'],
  );
  assert.equal(node?.lastReport, '2026-11-21T00:00:01Z');
  assert.equal((await server.get(`${ROOT}/nodenetworks/node-a`)).statusCode, 200);
  assert.equal((await server.get(`${ROOT}/nodenetworks/node-z`)).statusCode, 404);
});

test('kubectl prints how long ago a node reported', async () => {
  const server = await fixture();
  const lastReport = async () => {
    const { body } = await server.get<Table>(`${ROOT}/nodenetworks`, { accept: KUBECTL_ACCEPT });
    return body.rows[0]?.cells[body.columnDefinitions.findIndex(({ name }) => name === 'Last-Report')];
  };
  const before = Number(/^(\d+)s$/.exec(String(await lastReport()))?.[1]);
  server.clock.advance(30_000);
  assert.equal(await lastReport(), `${before + 30}s`);
});

test('a virtual function is shown with the pod and the network it belongs to', async () => {
  const server = await fixture();
  const { body } = await server.get<VirtualFunctionList>(
    `${ROOT}/virtualfunctions?fieldSelector=pod%3Dtelco-0,node%3Dnode-a`,
  );
  assert.deepEqual(body.items, [
    {
      apiVersion: 'podnet.dev/v1alpha1',
      kind: 'VirtualFunction',
      metadata: { name: 'node-a.0000-01-10.3' },
      node: 'node-a',
      index: 3,
      pf: 'ens1f0',
      pciAddress: '0000:01:10.3',
      numaNode: 1,
      driver: 'vfio-pci',
      resource: 'openshift.io/inteldpdk',
      pod: { namespace: 'telco', name: 'telco-0', uid: 'uid-telco-0' },
      ownerSource: 'kubelet',
      interface: 'net1',
      network: 'sriov',
      nadNamespace: 'telco',
      timestamp: '2026-11-21T00:00:01Z',
      windowSeconds: 1,
      rates: Object.fromEntries(
        ['receive', 'transmit'].flatMap((direction) =>
          ['Bytes', 'Packets', 'Errors', 'PacketsDropped'].map((what) => [`${direction}${what}`, '1500k']),
        ),
      ),
    },
  ]);
  assert.deepEqual(
    (await server.get<VirtualFunctionList>(`${ROOT}/virtualfunctions?fieldSelector=pod%3Dweb-0`)).body.items,
    [],
  );
});
