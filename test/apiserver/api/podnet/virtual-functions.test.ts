import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Table } from '../../../../openapi/kubernetes.js';
import type { NodeReport } from '../../../../openapi/node-report.js';
import type { NodeNetwork, PodNetwork, VirtualFunction, VirtualFunctionList } from '../../../../openapi/podnet-api.js';
import { createTestServer, type TestServer } from '../../../support/app.js';
import { apiPod, createTestCluster } from '../../../support/cluster.js';
import { freeVf, net1, ownerReport, pfReport, VF3, vfReport } from '../../../support/device-reports.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../../support/reports.js';

const ROOT = '/apis/podnet.dev/v1alpha1';
const OF_VF3 = `${ROOT}/virtualfunctions/node-a.0000-01-10.3`;

/** web-0 on VF 3 of ens1f0; VF 4 is free; VF 5, of a PF that is not proven to count, is web-0's as well, without an interface. */
async function fixture(overrides: Partial<NodeReport> = {}, server = createTestServer()): Promise<TestServer> {
  const unproven = pfReport({ name: 'ens2f0', pciAddress: '0000:02:00.0', counterAbsence: 'unproven' });
  const { counterSource: _, ...physical } = unproven;
  const { interface: _i, ...owner } = ownerReport();
  for (const second of [1, 2]) {
    const interfaces = [interfaceReport({ readings: [readingOf(second)] }), net1(1_500_000 * second)];
    await server.push(
      nodeReport(second * 1_000, {
        pods: [podReport({ interfaces })],
        physicalFunctions: [pfReport(), physical],
        virtualFunctions: [
          vfReport(),
          freeVf(),
          { ...freeVf({ pf: 'ens2f0', vf: 5, pciAddress: '0000:02:10.5' }), owner },
        ],
        ...overrides,
      }),
    );
    server.clock.advance(1_000);
  }
  return server;
}

async function names(server: TestServer, fieldSelector: string): Promise<string> {
  const query = new URLSearchParams({ fieldSelector }).toString();
  const { statusCode, text, body } = await server.get<VirtualFunctionList>(`${ROOT}/virtualfunctions?${query}`);
  assert.equal(statusCode, 200, text);
  return body.items.map(({ index }) => index).join();
}

test('a virtual function is told with its settings, its owner and what it carries', async () => {
  const server = await fixture();
  const { body } = await server.get<VirtualFunction>(OF_VF3);
  const { rates, windowSeconds, timestamp, ...rest } = body;
  assert.deepEqual(rest, {
    ...{ apiVersion: 'podnet.dev/v1alpha1', kind: 'VirtualFunction', metadata: { name: 'node-a.0000-01-10.3' } },
    ...{
      node: 'node-a',
      pf: 'ens1f0',
      index: 3,
      pciAddress: VF3,
      numaNode: 1,
      driver: 'vfio-pci',
      vlan: 100,
      trust: true,
    },
    pod: { namespace: 'default', name: 'web-0', uid: 'uid-web-0' },
    ...{ ownerSource: 'kubelet', interface: 'net1', network: 'sriov', nadNamespace: 'telco' },
    ...{ container: 'app', resource: 'openshift.io/inteldpdk', counterSource: 'rtnetlink' },
  });
  const { body: podNetwork } = await server.get<PodNetwork>(`${ROOT}/namespaces/default/podnetworks/web-0.net1`);
  assert.equal(rates?.receiveBytes, '1500k');
  assert.deepEqual(
    { rates, windowSeconds, timestamp },
    { rates: podNetwork.rates, windowSeconds: podNetwork.windowSeconds, timestamp: podNetwork.timestamp },
  );
});

test('a virtual function without figures has the reason, a free one needs none', async () => {
  const server = await fixture();
  const { body: unproven } = await server.get<VirtualFunction>(`${ROOT}/virtualfunctions/node-a.0000-02-10.5`);
  assert.deepEqual(
    [unproven.counterAbsence, unproven.rates, unproven.absent?.reason],
    ['unproven', undefined, 'unproven'],
  );
  const { body: free } = await server.get<VirtualFunction>(`${ROOT}/virtualfunctions/node-a.0000-01-10.4`);
  assert.deepEqual([free.pod, free.rates, free.absent], [undefined, undefined, undefined]);
  const other = await fixture({ pods: [podReport()], virtualFunctions: [vfReport()] });
  assert.equal((await other.get<VirtualFunction>(OF_VF3)).body.absent?.reason, 'no_interface');
});

test('kubectl prints a virtual function in a row', async () => {
  const server = await fixture();
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const { body } = await server.get<Table>(`${ROOT}/virtualfunctions`, { accept });
  const shown = body.columnDefinitions.flatMap(({ name, priority }, i) => (priority === 0 ? [[name, i] as const] : []));
  assert.deepEqual(
    shown.slice(1).map(([name]) => name),
    ['Node', 'PF', 'Index', 'PCI-Address', 'Driver', 'Pod', 'Network', 'Receive', 'Transmit', 'Dropped'],
  );
  assert.deepEqual(
    body.rows.map(({ cells }) => shown.slice(2).map(([, i]) => cells[i])),
    [
      ['ens1f0', 3, VF3, 'vfio-pci', 'default/web-0', 'telco/sriov', '1.50 MB/s', '1.50 MB/s', '3.00 Mpkt/s'],
      ['ens1f0', 4, '0000:01:10.4', 'vfio-pci', null, null, null, null, null],
      [
        'ens2f0',
        5,
        '0000:02:10.5',
        'vfio-pci',
        'default/web-0',
        'telco/sriov',
        '<unproven>',
        '<unproven>',
        '<unproven>',
      ],
    ],
  );
  for (const { cells } of body.rows) assert.equal(cells.length, body.columnDefinitions.length);
});

const FIELDS: readonly (readonly [string, string])[] = [
  ['node=node-a', '3,4,5'],
  ['node=node-b', ''],
  ['pf=ens2f0', '5'],
  ['pciAddress=0000:01:10.4', '4'],
  ['namespace=default,pod=web-0', '3,5'],
  ['pod=', '4'],
  ['network=sriov,pf=ens1f0', '3'],
  ['resource=openshift.io/inteldpdk', '3,5'],
];
for (const [selector, expected] of FIELDS) {
  test(`fieldSelector ${selector} selects ${expected === '' ? 'none' : expected}`, async () => {
    assert.equal(await names(await fixture(), selector), expected);
  });
}

test('a pod that the API server does not have has no virtual function', async () => {
  const server = await fixture({}, createTestServer({ cluster: createTestCluster([apiPod({ uid: 'other' })]) }));
  const { body } = await server.get<VirtualFunction>(OF_VF3);
  assert.deepEqual([body.pod, body.resource, body.rates], [undefined, undefined, undefined]);
  assert.equal(body.vlan, 100);
  assert.equal(await names(server, 'pod=web-0'), '');
});

test('a nodenetwork counts the functions of its node, and those in use', async () => {
  const countsOf = async (server: TestServer) => {
    const { body } = await server.get<NodeNetwork>(`${ROOT}/nodenetworks/node-a`);
    return [body.physicalFunctions, body.virtualFunctions, body.virtualFunctionsInUse];
  };
  assert.deepEqual(await countsOf(await fixture()), [2, 3, 2]);
  assert.deepEqual(await countsOf(await fixture({ physicalFunctions: [], virtualFunctions: [] })), [0, 0, 0]);
  const silent = createTestServer();
  await silent.push(nodeReport(1_000));
  assert.deepEqual(await countsOf(silent), [undefined, undefined, undefined], 'what is not told is not 0');
});
