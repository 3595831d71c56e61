// The agent alone: no Kubernetes, no server, every address.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { nodeagentProgram } from '../../nodeagent/options.js';
import { POD_RESOURCES_LISTER } from '../../nodeagent/podresources/messages.js';
import { startNodeagent } from '../../nodeagent/start.js';
import { systemClock } from '../../runtime/clock.js';
import { createLogger } from '../../runtime/logger.js';
import { parseOptions } from '../../runtime/options/parse.js';
import { GrpcServer, makeSocketDirectory } from '../support/grpc-server.js';
import { eventually } from '../support/programs.js';
import { SysfsTree } from '../support/sysfs-tree.js';

test('without pods, Kubernetes and a server the agent samples, serves, and complains of nothing', async () => {
  const argv = [
    ...['--pod-source', 'none', '--compat', 'sriov-network-metrics-exporter', '--listen-address', ':0'],
    ...['--interval', '200ms', '--listen-rate-limit', '1000'],
  ];
  const invocation = parseOptions(nodeagentProgram('0.0.0', 'test-node'), argv, {});
  assert.equal(invocation.kind, 'run');
  const logged: string[] = [];
  const log = createLogger('nodeagent', { level: 'info', format: 'text', write: (line) => void logged.push(line) });
  const agent = await startNodeagent(invocation.options, { clock: systemClock, version: '0.0.0', log, env: {} });
  try {
    const { port } = new URL(agent.url);
    const get = async (path: string, host = '127.0.0.1') => {
      const response = await fetch(`http://${host}:${port}${path}`);
      return `${response.status} ${await response.text()}`;
    };
    await eventually(
      () => get('/healthz'),
      (text) => text === '200 ok',
    );
    const sweeps = (text: string) => Number(/^podnet_nodeagent_sweep_duration_seconds_count (\d+)$/m.exec(text)?.[1]);
    const text = await eventually(
      () => get('/metrics'),
      (seen) => sweeps(seen) >= 2,
    );
    assert.match(text, /^podnet_nodeagent_pods 0$/m);
    assert.doesNotMatch(text, /kubernetes|^podnet_(pod|interface)_/m);
    const own = Object.values(networkInterfaces()).flatMap((addresses = []) =>
      addresses.flatMap(({ family, internal, address }) => (family === 'IPv4' && !internal ? [address] : [])),
    );
    for (const address of own) assert.match(await get('/metrics', address), /^200 /, address);
    assert.deepEqual(
      logged.filter((line) => /warn|error|kubernetes/i.test(line)),
      [],
    );
  } finally {
    await agent.close();
  }
});

const PF = 'devices/pci0000:00/0000:00:04.0/0000:01:00.0';
const KUBELET = 'test/fixtures/kubelet';
const SERIES = /^(sriov_|network:|kubepod).*/gm;

test('the agent alone serves what sriov-network-metrics-exporter did', async () => {
  await using directory = await makeSocketDirectory();
  using sysfs = SysfsTree.from('igb-01-vfs-created').write(`${PF}/sriov/0/stats/rx_bytes`, '9007199254740993\n');
  using cgroups = SysfsTree.empty().write('cpuset/cgroup.procs', '');
  for (const line of readFileSync(`${KUBELET}/cpuset.cpus.txt`, 'utf8').trim().split('\n')) {
    const [path = '', cpus = ''] = line.split(' ');
    cgroups.write(path, `${cpus}\n`);
  }
  const kubelet = await GrpcServer.start(POD_RESOURCES_LISTER, directory.socketPath, {
    List: () => {
      const devices = [{ resource_name: 'intel.com/sriov', device_ids: ['0000:01:10.0'] }];
      return { pod_resources: [{ name: 'du-0', namespace: 'telco', containers: [{ name: 'du', devices }] }] };
    },
  });
  const argv = [
    ...['--pod-source', 'none', '--compat', 'sriov-network-metrics-exporter', '--listen-address', '127.0.0.1:0'],
    ...['--node-name', 'node-a', '--interval', '200ms', '--listen-rate-limit', '1000'],
    ...['--path.sysfs', sysfs.root, '--path.cgroupfs', cgroups.root, '--path.kubelet-socket', directory.socketPath],
    ...['--path.cpu-manager-state', `${KUBELET}/cpu_manager_state`, '--sriov.counter-sources', 'sysfs'],
  ];
  const invocation = parseOptions(nodeagentProgram('0.0.0', 'test-node'), argv, {});
  assert.equal(invocation.kind, 'run');
  const log = createLogger('nodeagent', { level: 'error', format: 'text', write: () => undefined });
  const agent = await startNodeagent(invocation.options, { clock: systemClock, version: '0.0.0', log, env: {} });
  const lines = async () => (await (await fetch(`${agent.url}/metrics`)).text()).match(SERIES) ?? [];
  try {
    const vf = 'numa_node="",pciAddr="0000:01:10.0",pf="eth0"';
    const device = 'dev_type="intel.com/sriov",namespace="telco",node="node-a"';
    const cpu =
      'container_id="7a032b444094838def3070dea9d04ad7e6d4cdc18ab814d61c3fbe18e33d79ff",cpu_id="1",node="node-a",numa_node="1",uid="5d7c4364-a67f-4714-8208-4561707b093f"';
    const expected = [
      `sriov_vf_rx_bytes{node="node-a",${vf},vf="0"} 9007199254740993`,
      `sriov_kubepoddevice{container="du",${device},pciAddr="0000:01:10.0",pod="du-0"} 1`,
      `sriov_kubepodcpu{${cpu}} 1`,
      'sriov_cpu_info{cpu="cpu0",node="node-a",numa_node="0"} 1',
      'sriov_cpu_info{cpu="cpu1",node="node-a",numa_node="1"} 1',
      `network:sriov_vf_rx_bytes{${device},${vf},pod="du-0",vf="0"} 9007199254740993`,
      `kubepoddevice{container="du",${device},pciAddr="0000:01:10.0",pod="du-0"} 1`,
      `kubepodcpu{${cpu}} 1`,
    ];
    await eventually(lines, (seen) => seen.length >= expected.length);
    assert.deepEqual(await lines(), expected);
  } finally {
    await agent.close();
    kubelet.stop();
  }
});
