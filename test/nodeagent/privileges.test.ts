// The agent as it is shipped, in pods of a real containerd with the rights that a manifest would give them, beside the same agent as root.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { AgentNode, HOST_CGROUPS, type AgentSetup, type StartedAgent, type Told } from '../support/agent-node.js';
import { NOBODY } from '../support/agent-pod.js';
import { CONTAINERD_REQUIREMENTS } from '../support/containerd.js';
import { eventually } from '../support/programs.js';
import { missing } from '../support/requirements.js';

const HOST_PROC = { hostPath: '/proc', containerPath: '/host/proc' };
const AT_HOST_PROC = ['--path.procfs', '/host/proc'];
/** Nobody's. */
const GROUP = 47_114;
/** Of the routed network: the host's end. */
const GATEWAY = '10.249.0.1';
const SOCKET = '/host/containerd.sock';
/** Longer than a pod may have cgroups without a process. */
const HIDDEN_TIMEOUT_MS = 60_000;

/** Of a node without SR-IOV, and without a kubelet. */
const NO_DEVICES = {
  ...{ sriov: 'not_found', 'vf-links': 'not_needed', kubelet: 'not_found', 'cpu-manager-state': 'not_found' },
  'resource-claims': 'not_needed',
  ...{ 'ipam-endpoint': 'not_found', 'host-local': 'not_found' },
};

describe('the rights of an agent', { skip: missing(...CONTAINERD_REQUIREMENTS) }, () => {
  let node: AgentNode;
  /** Neither the pids nor the /proc of the node. */
  let blind: StartedAgent;

  before(async () => {
    node = await AgentNode.start({ prefix: 'pnpr', octet: 249 });
    blind = await node.startAgent({ name: 'blind', hostPID: false, mounts: [HOST_CGROUPS] });
  });
  after(async () => {
    await blind?.close();
    await node?.close();
  });

  /** An agent that is gone afterwards. */
  async function withAgent(setup: AgentSetup, use: (started: StartedAgent) => Promise<void>): Promise<void> {
    const started = await node.startAgent(setup);
    try {
      await use(started);
    } catch (error) {
      throw new Error(`${String(error)}\n${started.agent.log().slice(-3_000)}`, { cause: error });
    } finally {
      await started.close();
    }
  }

  /** Waits until both say the same of all pods, and something of each. */
  async function assertTellsTheSame({ told }: StartedAgent, but: (told: Told) => Told = (all) => all): Promise<void> {
    const both = () => [told(), node.toldByRoot()].map((all) => all && but(all));
    const [seen = [], expected] = await eventually(
      both,
      ([one, other]) => other !== undefined && JSON.stringify(one) === JSON.stringify(other),
    ).catch(both);
    assert.deepEqual(seen, expected);
    const interfaces = seen.flatMap((pod) => pod.interfaces ?? []);
    assert.deepEqual([seen.length, interfaces.length], [node.pods.length, 2 * (node.pods.length - 1)]);
    assert.ok(interfaces.every(({ reading, network, identity }) => reading?.[0] && network && identity));
    assert.equal(seen.filter(({ transport }) => transport?.length === 12).length, node.pods.length - 1);
  }

  test('user 65534 without a capability reports what root reports', async () => {
    await withAgent({ name: 'least', mounts: [HOST_CGROUPS] }, async (seen) => {
      await assertTellsTheSame(seen);
      const status = readFileSync(`/proc/${seen.agent.pid}/status`, 'utf8');
      assert.match(status, new RegExp(`^Uid:(\\t${NOBODY}){4}$`, 'm'));
      assert.match(status, new RegExp(`^Gid:(\\t${NOBODY}){4}$`, 'm'));
      assert.equal(status.match(/^Cap(Inh|Prm|Eff|Bnd|Amb):\t0{16}$/gm)?.length, 5, status);
      assert.match(status, /^NoNewPrivs:\t1$/m);
      assert.match(status, /^Seccomp:\t2$/m); // SECCOMP_MODE_FILTER
      const mounts = readFileSync(`/proc/${seen.agent.pid}/mountinfo`, 'utf8');
      assert.match(mounts, / \/ ro,/);
      assert.match(mounts, / \/host\/sys\/fs\/cgroup ro,/);
      assert.doesNotMatch(mounts, / \/host\/proc /, "its own /proc is the node's");
      assert.deepEqual(await seen.sources(), {
        ...{ kubernetes: 'up', cgroups: 'up', cri: 'not_configured', ...NO_DEVICES },
        ...{ 'host-interfaces': 'up', 'pod-links': 'not_permitted' },
      });
      const { text } = await seen.agent.get('/metrics');
      for (const name of ['resident_memory_bytes', 'cpu_seconds_total']) {
        assert.ok(Number(new RegExp(`^podnet_nodeagent_process_${name} (\\S+)$`, 'm').exec(text)?.[1]) > 0, name);
      }
      assert.match(text, /^podnet_interface_receive_bytes_total\{.*interface="eth1",network="storage"/m);
    });
  });

  test('any other user that is not root will do', async () => {
    await withAgent({ name: 'other', user: GROUP, mounts: [HOST_CGROUPS] }, assertTellsTheSame);
  });

  test('in the network of its pod it reports the same, but no names of the host', async () => {
    const relay = await relayTo(Number(new URL(node.api.url).port));
    const { port } = relay.address() as AddressInfo;
    const kubeconfig = join(node.directory, 'kubeconfig');
    const text = readFileSync(node.kubeconfig, 'utf8');
    const server = JSON.stringify(`https://${GATEWAY}:${port}`);
    writeFileSync(kubeconfig, text.replace(JSON.stringify(node.api.url), `${server},"tls-server-name":"localhost"`));
    const rights = { name: 'inpod', hostNetwork: false, mounts: [HOST_CGROUPS], listen: '0.0.0.0:9808', kubeconfig };
    await withAgent(rights, async ({ agent, sources }) => {
      const familiesOf = (text: string) =>
        text
          .split('\n')
          .filter((line) => /^podnet_(?!nodeagent)/.test(line))
          .map((line) => line.replace(/host_interface="[^"]*"/, ''));
      const both = async () => [familiesOf((await agent.get('/metrics')).text), familiesOf(await node.metricsOfRoot())];
      // what its own pod says when it comes to the bridge is received by the others, maybe between the samples of the two
      const isSame = ([one, other]: string[][]) => JSON.stringify(one) === JSON.stringify(other);
      const [ofAgent = [], ofRoot] = await eventually(both, isSame).catch(both);
      assert.deepEqual(ofAgent, ofRoot);
      assert.ok(ofAgent.length > 8 * 2 * (node.pods.length - 1), 'eight counters of two interfaces each');
      assert.deepEqual(await sources(), {
        ...{ kubernetes: 'up', cgroups: 'up', cri: 'not_configured', ...NO_DEVICES },
        ...{ 'host-interfaces': 'not_host_network', 'pod-links': 'not_permitted' },
      });
    }).finally(() => relay.close());
  });

  test('without the cgroups of the node it walks /proc, and reports the same', async () => {
    await withAgent({ name: 'nocgrp' }, async (seen) => {
      await assertTellsTheSame(seen);
      assert.equal((await seen.sources())['cgroups'], 'not_found');
    });
  });

  test('cgroups that may not be read are as good as none', async () => {
    const hostPath = join(node.directory, 'closed');
    mkdirSync(hostPath, { mode: 0o700 });
    await withAgent({ name: 'closed', mounts: [{ ...HOST_CGROUPS, hostPath }] }, async (seen) => {
      await assertTellsTheSame(seen);
      assert.equal((await seen.sources())['cgroups'], 'not_permitted');
    });
  });

  test('with /proc of the node instead of its pids it reports the same, but no names of the host', async () => {
    const rights = { name: 'noppid', hostPID: false, mounts: [HOST_CGROUPS, HOST_PROC], flags: AT_HOST_PROC };
    await withAgent(rights, async (seen) => {
      await assertTellsTheSame(seen, withoutHostInterfaces);
      assert.deepEqual(await seen.sources(), {
        ...{ kubernetes: 'up', cgroups: 'not_permitted', cri: 'not_configured', ...NO_DEVICES },
        ...{ 'host-interfaces': 'not_host_pid', 'pod-links': 'not_host_pid' },
      });
    });
  });

  test('where procfs hides the processes of others nothing is read, and it says so', async () => {
    const hostPath = join(node.directory, 'hiding');
    mkdirSync(hostPath);
    execFileSync('mount', ['-t', 'proc', '-o', `hidepid=2,gid=${GROUP}`, 'proc', hostPath]);
    const rights = { mounts: [HOST_CGROUPS, { ...HOST_PROC, hostPath }], flags: AT_HOST_PROC };
    try {
      await withAgent({ name: 'hidden', ...rights }, async ({ agent, told, sources }) => {
        const seen = await eventually(told, (all) => all?.length === node.pods.length);
        assert.doesNotMatch(JSON.stringify(seen), /"reading"|"transport":\[/);
        const { text } = await agent.get('/metrics');
        assert.match(
          text,
          new RegExp(`^podnet_nodeagent_pods_skipped\\{reason="not_readable"\\} ${node.pods.length - 1}$`, 'm'),
        );
        assert.deepEqual(await sources(), {
          ...{ kubernetes: 'up', cgroups: 'not_permitted', cri: 'not_configured', ...NO_DEVICES },
          ...{ 'host-interfaces': 'not_permitted', 'pod-links': 'not_permitted' },
        });
      });
      await withAgent({ name: 'shown', ...rights, supplementalGroups: [GROUP] }, (seen) => assertTellsTheSame(seen));
    } finally {
      execFileSync('umount', [hostPath]);
    }
  });

  test('CAP_NET_ADMIN makes links of pods known to uid 0 alone', async () => {
    const rights = { mounts: [HOST_CGROUPS], addCapabilities: ['NET_ADMIN'] };
    await withAgent({ name: 'admin0', ...rights, user: 0 }, async (seen) => {
      await assertTellsTheSame(seen);
      assert.equal((await seen.sources())['pod-links'], 'up');
      const status = readFileSync(`/proc/${seen.agent.pid}/status`, 'utf8');
      assert.match(status, /^CapEff:\t0{12}1000$/m);
    });
    await withAgent({ name: 'adminn', ...rights }, async (seen) => {
      await assertTellsTheSame(seen);
      assert.equal((await seen.sources())['pod-links'], 'not_permitted');
      const status = readFileSync(`/proc/${seen.agent.pid}/status`, 'utf8');
      assert.match(status, /^CapBnd:\t0{12}1000$/m, 'it was given');
      assert.match(status, /^CapEff:\t0{16}$/m, 'and went with execve, as it is not ambient');
    });
  });

  test('the socket of the runtime takes its group or uid 0, and costs nothing else', async () => {
    const hostPath = node.criSocket;
    const rights = { mounts: [HOST_CGROUPS, { hostPath, containerPath: SOCKET }], flags: ['--cri-endpoint', SOCKET] };
    const assertCriIs = (name: string, expected: string, more: Partial<AgentSetup> = {}) =>
      withAgent({ name, ...rights, ...more }, async (seen) => {
        await eventually(seen.sources, ({ cri }) => cri === expected);
        await assertTellsTheSame(seen);
      });
    const { mode, gid } = statSync(hostPath);
    assert.deepEqual([mode & 0o777, gid], [0o660, 0], 'as containerd makes it');
    await assertCriIs('crinot', 'not_permitted');
    chownSync(hostPath, 0, GROUP);
    await assertCriIs('crigrp', 'up', { supplementalGroups: [GROUP] });
    chmodSync(hostPath, 0o600);
    await assertCriIs('crigr2', 'not_permitted', { supplementalGroups: [GROUP] });
    await assertCriIs('cri0', 'up', { user: 0 });
    const elsewhere = { mounts: [HOST_CGROUPS] };
    await assertCriIs('crinow', 'not_found', elsewhere);
  });

  test('a token that may not be read is not sent, and costs nothing else', async () => {
    const hostPath = join(node.directory, 'token');
    writeFileSync(hostPath, 'a.b.c', { mode: 0o600 });
    const tokenFile = '/var/run/podnet/token';
    const mounts = [HOST_CGROUPS, { hostPath, containerPath: tokenFile }];
    await withAgent({ name: 'token', mounts, flags: ['--token-file', tokenFile] }, async (started) => {
      await assertTellsTheSame(started);
      assert.match((await started.agent.get('/metrics')).text, /^podnet_nodeagent_file_readable\{file="token"\} 0$/m);
    });
  });

  test('with neither the pids nor the /proc of the node no pod has counters, and it says so', async () => {
    await eventually(blind.sources, ({ cgroups }) => cgroups === 'not_permitted', HIDDEN_TIMEOUT_MS);
    assert.equal(blind.told()?.length, node.pods.length);
    assert.doesNotMatch(JSON.stringify(blind.told()), /"reading"|"transport":\[/);
    assert.match(blind.agent.log(), /"source":"cgroups","reason":"not_permitted","detail":"[^"]*hostPID/);
  });
});

/** A port on every address of the machine that leads to one of its loopback. */
async function relayTo(port: number): Promise<Server> {
  const relay = createServer((socket) => {
    const onward = connect(port, '127.0.0.1');
    pipeline(socket, onward, socket, () => undefined);
  });
  relay.listen(0, '0.0.0.0');
  await once(relay, 'listening');
  return relay;
}

function withoutHostInterfaces(told: Told): Told {
  return told.map((pod) => ({ ...pod, interfaces: pod.interfaces?.map(({ hostInterface: _, ...one }) => one) }));
}
