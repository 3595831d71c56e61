// SR-IOV from a kernel's bytes to what an HPA reads: recorded netlink messages and sysfs, a real kubelet's end of gRPC, real network
// namespaces, the agent and the server.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { POD_RESOURCES_LISTER } from '../../nodeagent/podresources/messages.js';
import type { Nodeagent } from '../../nodeagent/start.js';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { HPA, startDeployment, type Deployment } from '../support/deployment.js';
import { GrpcServer } from '../support/grpc-server.js';
import { nodePodObject, pathOfPod, type NodePodObject } from '../support/node-pod-objects.js';
import { NodePods, PAIR } from '../support/node-pods.js';
import { eventually, runNodeagent } from '../support/programs.js';
import { missing } from '../support/requirements.js';
import { SysfsTree } from '../support/sysfs-tree.js';
import { VfKernel } from '../support/vf-kernel.js';

const NODE = 'node-a';
const RESOURCE = 'openshift.io/inteldpdk';
/** Bound to vfio-pci: no netdev anywhere. */
const DPDK = { pci: '0000:41:10.4', pf: 3, index: 2 };
/** Its netdev is in the namespace of a pod. */
const KERNEL = { pci: '0000:01:10.0', pf: 2, index: 0 };
const METRICS = '/apis/custom.metrics.k8s.io/v1beta2/namespaces/telco/pods';

interface VfPod extends NodePodObject {
  readonly vf: string;
  readonly network: string;
}

function vfPod(name: string, number: number, vf: string, network: string): VfPod {
  const status = [
    { name: 'cbr0', interface: 'eth0', ips: ['10.0.0.1'], default: true, dns: {} },
    {
      ...{ name: `telco/${network}`, interface: 'net1', dns: {} },
      'device-info': { type: 'pci', version: '1.1.0', pci: { 'pci-address': vf } },
    },
  ];
  return {
    ...{ name, namespace: 'telco', uid: `5d7c4364-a67f-4714-8208-00000000000${number}`, node: NODE, vf, network },
    annotations: { 'k8s.v1.cni.cncf.io/network-status': JSON.stringify(status) },
  };
}

const TESTPMD = vfPod('testpmd-0', 1, DPDK.pci, 'dpdk-net');
const NEXT = vfPod('testpmd-1', 2, DPDK.pci, 'dpdk-net');
const ROCE = vfPod('roce-0', 3, KERNEL.pci, 'roce-net');
/** What a DPDK pod has of the kernel's interfaces: the default network. */
const DEFAULT_NETWORK = ['link add eth0 type veth peer name peer0'];

describe('virtual functions, from netlink to the HPA', { skip: missing('root', 'ip', 'nsenter') }, () => {
  const pods = new NodePods('pnsriov');
  const sysfs = SysfsTree.from('igb-02-vf-in-netns');
  const kernel = new VfKernel();
  let directory: string;
  let cluster: Deployment;
  let kubelet: GrpcServer<'List'> | undefined;
  let agent: Nodeagent | undefined;
  let flags: string[];
  let listed: readonly VfPod[] = [TESTPMD, ROCE];

  const List = () => ({
    pod_resources: listed.map(({ name, namespace = '', vf }) => ({
      ...{ name, namespace },
      containers: [{ name: 'main', cpu_ids: [], devices: [{ resource_name: RESOURCE, device_ids: [vf] }] }],
    })),
  });

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'podnet-sriov-'));
    const socket = join(directory, 'kubelet.sock');
    kubelet = await GrpcServer.start(POD_RESOURCES_LISTER, socket, { List });
    cluster = await startDeployment();
    cluster.rules.push(() => true);
    await pods.add({ uid: TESTPMD.uid, ip: DEFAULT_NETWORK });
    await pods.add({ uid: ROCE.uid, ip: PAIR });
    for (const pod of listed) cluster.api.put(pathOfPod(pod), nodePodObject(pod));
    const tokenFile = join(directory, 'token');
    await writeFile(tokenFile, await cluster.agentToken());
    flags = [
      ...['--pod-source', 'kubernetes', '--kubeconfig', await cluster.api.kubeconfig(), '--node-name', NODE],
      ...['--token-file', tokenFile, '--path.sysfs', sysfs.root, '--path.kubelet-socket', socket],
      ...['--path.cpu-manager-state', join(directory, 'none')],
    ];
    agent = await start();
  });
  after(async () => {
    await agent?.close();
    await cluster.close();
    kubelet?.stop();
    await pods.close();
    sysfs[Symbol.dispose]();
    await rm(directory, { recursive: true });
  });

  const start = (): Promise<Nodeagent> =>
    runNodeagent(cluster.server, flags, { loadLibc: () => Promise.resolve(kernel.libc) });

  /** What an HPA reads of the pods, by name. */
  const read = async (metric: string, selector: string): Promise<Map<string, string>> => {
    const query = `?metricLabelSelector=${encodeURIComponent(selector)}`;
    const { statusCode, body } = await cluster.viaProxy(`${METRICS}/*/${metric}${query}`, { user: HPA });
    if (statusCode === 404) return new Map();
    assert.equal(statusCode, 200);
    const { kind, items } = body as unknown as MetricValueListV1Beta2;
    assert.equal(kind, 'MetricValueList');
    return new Map(items.map(({ describedObject, value }) => [describedObject.name, value]));
  };
  /** Its interfaces, as the server knows them. */
  const namesOf = async ({ name }: VfPod): Promise<string[]> => {
    const { body } = await cluster.viaProxy('/apis/podnet.dev/v1alpha1/namespaces/telco/podnetworks', { user: HPA });
    const { items } = body as unknown as {
      readonly items: readonly { readonly metadata: { readonly name: string } }[];
    };
    return items.map(({ metadata }) => metadata.name).filter((one) => one.startsWith(`${name}.`));
  };
  const lines = async (pattern: RegExp): Promise<string[]> =>
    (await (await fetch(`${agent?.url ?? ''}/metrics`)).text()).split('\n').filter((line) => pattern.test(line));
  const counted = async (pod: VfPod, counter: string): Promise<number> => {
    const [line = ' NaN'] = await lines(new RegExp(`^podnet_vf_${counter}_total.*pod="${pod.name}"`));
    return Number(line.slice(line.lastIndexOf(' ')));
  };

  test('a pod whose VF has no netdev scales on what its PF counts', async () => {
    await eventually(
      () => read('network_receive_bytes_per_second', 'network=dpdk-net'),
      (values) => values.get(TESTPMD.name) === '0',
    );
    kernel.count(DPDK, { receiveBytes: 150_000, receivePackets: 100 });
    const values = await eventually(
      () => read('network_receive_bytes_per_second', 'network=dpdk-net'),
      (found) => found.get(TESTPMD.name) !== '0',
    );
    assert.deepEqual([...values.keys()], [TESTPMD.name]);
    assert.equal(await counted(TESTPMD, 'receive_bytes'), 150_000);
  });

  test('its series has every label, and each of them selects it', async () => {
    assert.deepEqual(await lines(/^podnet_vf_receive_packets_total.*testpmd-0/), [
      'podnet_vf_receive_packets_total{node="node-a",namespace="telco",pod="testpmd-0",interface="net1",network="dpdk-net",nad_namespace="telco",container="main",resource="openshift.io/inteldpdk",pf="eth1",vf="2",pci_address="0000:41:10.4",numa_node="1"} 100',
    ]);
    const selectors = ['pf=eth1,vf=2', 'pci_address=0000_41_10.4', 'resource=openshift.io_inteldpdk,numa_node=1'];
    for (const selector of selectors) {
      const found = await read('network_receive_bytes_per_second', selector);
      assert.deepEqual([...found.keys()], [TESTPMD.name], selector);
    }
    assert.equal((await read('network_receive_bytes_per_second', 'pf=eth7')).size, 0);
  });

  test('one pod, one number: where the netdev in the pod stands still, the VF that moves is counted, and once', async () => {
    kernel.count(KERNEL, { transmitBytes: 3_000_000, transmitPackets: 2_000 });
    await eventually(
      () => read('network_transmit_bytes_per_second', 'network=roce-net'),
      (found) => (found.get(ROCE.name) ?? '0') !== '0',
    );
    const interfaces = await lines(/^podnet_interface_transmit_bytes_total.*roce-0.*net1/);
    assert.deepEqual(
      interfaces.map((line) => line.slice(line.lastIndexOf(' ') + 1)),
      ['3000000'],
    );
  });

  test('an agent that is started again goes on counting where the one before it was', async () => {
    const before_ = await lines(/^podnet_vf_receive_bytes_total.*testpmd-0/);
    await agent?.close();
    kernel.count(DPDK, { receiveBytes: 50_000 });
    agent = await start();
    const after_ = await eventually(
      () => lines(/^podnet_vf_receive_bytes_total.*testpmd-0/),
      (found) => found.length > 0,
    );
    assert.match(before_[0] ?? '', / 150000$/);
    assert.match(after_[0] ?? '', / 200000$/);
  });

  test('the server never hears that a pod has no VF because the agent was started again', async () => {
    await agent?.close();
    const isStarted = { value: false };
    const seen = new Set<boolean>();
    const watching = (async () => {
      while (!isStarted.value) seen.add((await namesOf(TESTPMD)).includes('testpmd-0.net1'));
    })();
    agent = await start();
    await eventually(
      () => lines(/^podnet_vf_receive_bytes_total.*testpmd-0/),
      (found) => found.length > 0,
    );
    isStarted.value = true;
    await watching;
    assert.deepEqual([...seen], [true]);
  });

  test('the next pod of a VF starts at 0, and gets nothing of what was counted in between', async () => {
    listed = [ROCE];
    cluster.api.remove(pathOfPod(TESTPMD));
    await eventually(
      () => lines(/^podnet_vf_info.*0000:41:10.4/),
      ([line = '']) => line.includes('pod=""'),
    );
    kernel.count(DPDK, { receiveBytes: 7_000_000 });
    await pods.add({ uid: NEXT.uid, ip: DEFAULT_NETWORK });
    listed = [ROCE, NEXT];
    cluster.api.put(pathOfPod(NEXT), nodePodObject(NEXT));
    await eventually(
      () => counted(NEXT, 'receive_bytes'),
      (value) => value === 0,
    );
    kernel.count(DPDK, { receiveBytes: 1_000 });
    await eventually(
      () => counted(NEXT, 'receive_bytes'),
      (value) => value === 1_000,
    );
    const [unattributed = ''] = await lines(/^podnet_vf_unattributed_receive_bytes_total.*0000:41:10.4/);
    assert.match(unattributed, / 7000000$/);
    assert.equal((await lines(/testpmd-0/)).length, 0);
  });

  test('a VF that is made after the start is there, and has counters when its PF counts', async () => {
    assert.equal((await lines(/^podnet_vf_info.*pf="eth1",vf="6"/)).length, 1);
    sysfs.remove('devices/pci0000:40/0000:40:00.0/0000:41:00.0/virtfn6');
    await eventually(
      () => lines(/^podnet_vf_info.*pf="eth1",vf="6"/),
      (found) => found.length === 0,
    );
    sysfs.link('devices/pci0000:40/0000:40:00.0/0000:41:00.0/virtfn6', '../0000:41:11.4');
    await eventually(
      () => lines(/^podnet_vf_unattributed_receive_bytes_total.*pf="eth1",vf="6"/),
      (found) => found.length === 1,
    );
  });
});
