// What is shown of the devices of nodes: the pod that has a VF is one that the API server knows, on the node that reports it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeReport } from '../../../openapi/node-report.js';
import { createTestServer, metricPath, type TestServer } from '../../support/app.js';
import { apiPod, createTestCluster, type TestCluster } from '../../support/cluster.js';
import { freeVf, net1, ownerReport, pfReport, VF3, vfReport } from '../../support/device-reports.js';
import { nodeReport, podReport } from '../../support/reports.js';

const COUNTED = 'podnet_vf_receive_bytes_total';
const DEVICES: Partial<NodeReport> = {
  physicalFunctions: [pfReport()],
  virtualFunctions: [vfReport(), freeVf()],
  cpus: [{ numaNode: 0, cpus: '0-3' }],
};

function report(second: number, overrides: Partial<NodeReport> = {}): NodeReport {
  const pods = [podReport({ interfaces: [net1(1_000 * second)], numaAligned: true })];
  return nodeReport(second * 1_000, { pods, ...DEVICES, ...overrides });
}

async function push(server: TestServer, ...reports: readonly NodeReport[]): Promise<void> {
  for (const one of reports) {
    const { body } = await server.push(one);
    assert.deepEqual(body.rejected, []);
    server.clock.advance(1_000);
  }
}

async function linesOf(server: TestServer, family: string, query = ''): Promise<string[]> {
  const { text } = await server.get(`/metrics?family=${family}${query}`);
  return text.split('\n').filter((line) => line.startsWith(family));
}

/** The pod of each VF by its number; empty: nobody's. */
async function ownersOf(server: TestServer, query = ''): Promise<string[]> {
  const lines = await linesOf(server, 'podnet_vf_info', query);
  return lines.map((line) => line.replace(/.*namespace="(.*?)",pod="(.*?)".*,vf="(.*?)".*/, '$3:$1/$2'));
}

const listed = (...pods: Parameters<typeof apiPod>[0][]): TestCluster => createTestCluster(pods.map(apiPod));

test('a VF is shown with its owner, its counters and its PF', async () => {
  const server = createTestServer({ cluster: listed({}) });
  await push(server, report(1));
  assert.deepEqual(await ownersOf(server), ['3:default/web-0', '4:/']);
  assert.deepEqual(await linesOf(server, COUNTED), [
    `${COUNTED}{node="node-a",namespace="default",pod="web-0",interface="net1",network="sriov",nad_namespace="telco",container="app",resource="openshift.io/inteldpdk",pf="ens1f0",vf="3",pci_address="0000:01:10.3",numa_node="1"} 1000`,
  ]);
  assert.equal((await linesOf(server, 'podnet_vf_unattributed_receive_bytes_total')).length, 2);
  assert.match((await linesOf(server, 'podnet_pf_info')).join(), /counter_source="rtnetlink",reason=""} 1$/);
  assert.match((await linesOf(server, 'podnet_pod_numa_aligned')).join(), /pod="web-0"} 1$/);
});

test('a deleted pod takes what it counted with it, and the VF stays', async () => {
  const cluster = listed({});
  const server = createTestServer({ cluster });
  await push(server, report(1));
  cluster.state.pods = [];
  await push(server, report(2));
  assert.deepEqual(await ownersOf(server), ['3:/', '4:/']);
  assert.deepEqual(await linesOf(server, COUNTED), []);
  assert.equal((await linesOf(server, 'podnet_vf_unattributed_receive_bytes_total')).length, 2);
});

test('of a pod that was made again under its name the VF is not shown', async () => {
  const server = createTestServer({ cluster: listed({ uid: 'uid-web-0-again' }) });
  await push(server, report(1));
  assert.deepEqual(await ownersOf(server), ['3:/', '4:/']);
});

test('a pod that two nodes claim has the VF of the node that it is on', async () => {
  const podNodes = { nodeOf: () => 'node-b' };
  const server = createTestServer({ cluster: { ...listed({}), podNodes } });
  await push(server, report(1), report(1, { node: 'node-b', bootId: 'b' }));
  assert.deepEqual(await ownersOf(server, '&node=node-a'), ['3:/', '4:/']);
  assert.deepEqual(await ownersOf(server, '&node=node-b'), ['3:default/web-0', '4:/']);
  assert.equal((await linesOf(server, COUNTED)).length, 1);
});

test('two nodes with equal PCI addresses keep their pods apart', async () => {
  const pods = { 'node-a': 'web-0', 'node-b': 'web-1' };
  const server = createTestServer({
    cluster: listed(...Object.values(pods).map((name) => ({ name, uid: `uid-${name}` }))),
  });
  for (const second of [1, 2]) {
    for (const [i, [node, name]] of Object.entries(pods).entries()) {
      const owner = ownerReport({ pod: name, podUid: `uid-${name}` });
      await server.push(
        report(second, {
          ...{
            node,
            bootId: node,
            pods: [podReport({ name, uid: `uid-${name}`, interfaces: [net1((i + 1) * 100 * second)] })],
          },
          physicalFunctions: [pfReport({ name: `ens${i}f0` })],
          virtualFunctions: [vfReport({ owner, pf: `ens${i}f0`, counted: { receiveBytes: i } })],
        }),
      );
    }
    server.clock.advance(1_000);
  }
  const short = (await linesOf(server, COUNTED)).map((line) =>
    line.replace(/.*node="(.*?)".*,pod="(.*?)".*,pf="(.*?)".*pci_address="(.*?)".*} (.*)/, '$1 $2 $3 $4 $5'),
  );
  assert.deepEqual(short, [`node-a web-0 ens0f0 ${VF3} 0`, `node-b web-1 ens1f0 ${VF3} 1`]);
  const valuesOf = async (metricLabelSelector: string) => {
    const { body } = await server.get(metricPath('*', 'network_receive_bytes_per_second', { metricLabelSelector }));
    return body.items.map(({ describedObject, value }) => `${describedObject.name}=${value}`);
  };
  assert.deepEqual(await valuesOf('pci_address=0000_01_10.3'), ['web-0=100', 'web-1=200']);
  assert.deepEqual(await valuesOf('pf=ens1f0'), ['web-1=200']);
  assert.deepEqual(await valuesOf('pf=ens0f0,vf=3'), ['web-0=100']);
});

test('of a namespace only the VFs of its pods are shown', async () => {
  const server = createTestServer({ cluster: listed({}) });
  await push(server, report(1));
  assert.deepEqual(await ownersOf(server, '&namespace=default'), ['3:default/web-0']);
  assert.deepEqual(await ownersOf(server, '&namespace=other'), []);
  assert.deepEqual(await linesOf(server, 'podnet_pf_info', '&namespace=default'), []);
});

test('counters that are not of the newest sample are not shown, the VF is', async () => {
  const server = createTestServer();
  await push(server, report(1, { virtualFunctions: [vfReport({ isCurrent: false })] }));
  assert.deepEqual(await ownersOf(server), ['3:default/web-0']);
  assert.deepEqual(await linesOf(server, COUNTED), []);
  const [node] = server.store.nodes();
  const [shown] = node?.devices.virtualFunctions ?? [];
  assert.ok(shown?.raw, 'they are held, as a base');
});

test('VFs that the newest report does not have are not shown', async () => {
  const server = createTestServer();
  const { virtualFunctions: _v, physicalFunctions: _p, ...without } = report(2);
  await push(server, report(1), without);
  assert.deepEqual(await ownersOf(server), []);
  assert.deepEqual(await linesOf(server, 'podnet_pf_info'), []);
  await push(server, report(3));
  assert.equal((await ownersOf(server)).length, 2);
});

test('the devices of a silent node are gone', async () => {
  const server = createTestServer();
  await push(server, report(1));
  server.clock.advance(16_000);
  assert.deepEqual(await ownersOf(server), []);
});

test('an owner without a uid is shown while there is no list of pods', async () => {
  const { podUid: _, ...owner } = ownerReport();
  const virtualFunctions = [vfReport({ owner })];
  const cluster = listed({});
  const server = createTestServer({ cluster });
  await push(server, report(1, { virtualFunctions }));
  assert.deepEqual(await ownersOf(server), ['3:/']);
  cluster.state.isCurrent = false;
  assert.deepEqual(await ownersOf(server), ['3:default/web-0']);
  assert.deepEqual(await ownersOf(server, '&namespace=other'), []);
  const alone = createTestServer();
  await push(alone, report(1, { virtualFunctions }));
  assert.deepEqual(await ownersOf(alone), ['3:default/web-0']);
});

test('the name of an owner is that of its uid, whatever is said beside it', async () => {
  const server = createTestServer();
  await push(
    server,
    report(1, { virtualFunctions: [vfReport({ owner: ownerReport({ namespace: 'kube-system', pod: 'x' }) })] }),
  );
  assert.deepEqual(await ownersOf(server), ['3:default/web-0']);
});
