// The agent as it is shipped, in pods of a real containerd with the rights that a manifest would give them, beside the same agent as root.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { pipeline } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import type { NodeReport } from '../../openapi/node-report.js';
import { AgentPod, NOBODY, type AgentRights } from '../support/agent-pod.js';
import { makeBundle, run, type Bundle, type Run } from '../support/bundle.js';
import { Containerd, CONTAINERD_REQUIREMENTS } from '../support/containerd.js';
import type { RunningPod } from '../support/containerd/pods.js';
import { createKubeApi, type KubeApiServer } from '../support/kube-api.js';
import { PodObjects } from '../support/pod-objects.js';
import { eventually } from '../support/programs.js';
import { ReportReceiver } from '../support/report-receiver.js';
import { missing } from '../support/requirements.js';

const NODE = 'node-of-the-test';
const PODS = 4;
const HOST_CGROUPS = { hostPath: '/sys/fs/cgroup', containerPath: '/host/sys/fs/cgroup' };
const HOST_PROC = { hostPath: '/proc', containerPath: '/host/proc' };
const AT_HOST_PROC = ['--path.procfs', '/host/proc'];
/** Nobody's. */
const GROUP = 47_114;
/** Of the routed network: the host's end. */
const GATEWAY = '10.249.0.1';
const SOCKET = '/host/containerd.sock';

type Told = ReturnType<typeof toldBy>;

/** What the newest sample says of the pods: all but when. */
function toldBy({ pods }: NodeReport) {
  const newest = <T>(readings: readonly T[] | undefined) => readings?.at(-1) ?? null;
  return pods
    .map(({ interfaces, transport, ...pod }) => ({
      ...pod,
      transport: newest(transport),
      interfaces: interfaces
        ?.map(({ readings, ...one }) => ({ ...one, reading: newest(readings) }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    }))
    .sort((a, b) => (a.uid < b.uid ? -1 : 1));
}

describe('the rights of an agent', { skip: missing(...CONTAINERD_REQUIREMENTS) }, () => {
  const pods: RunningPod[] = [];
  const directory = mkdtempSync(join(tmpdir(), 'podnet-privileges-'));
  let containerd: Containerd;
  let api: KubeApiServer;
  let bundle: Bundle;
  let kubeconfig: string;
  let asRoot: Run;
  let ofRoot: ReportReceiver;

  before(async () => {
    containerd = await Containerd.start({ prefix: 'pnpr', octet: 249 });
    api = await createKubeApi();
    bundle = await makeBundle();
    const objects = new PodObjects(api, NODE);
    for (let n = 0; n < PODS; n++) {
      const uid = `5d7c4364-a67f-4714-8208-${String(n).padStart(12, '0')}`;
      pods.push(await containerd.createPod({ namespace: 'telco', name: `upf-${n}`, uid, labels: { app: 'upf' } }));
    }
    for (const [n, pod] of pods.entries()) {
      for (const [i, interfaceName] of ['eth0', 'eth1'].entries()) {
        const to = pods[(n + 1) % PODS] ?? pod;
        await containerd.send(pod, to, { interfaceName, count: 5 + n, payload: 100 + 31 * n + 7 * i });
      }
    }
    const onHost = { namespace: 'telco', name: 'exporter', uid: 'a6b1f3a4-0000-4000-8000-000000000000' };
    pods.push(await containerd.createPod({ ...onHost, hostNetwork: true }));
    pods.forEach((pod) => objects.put(pod));
    kubeconfig = await api.kubeconfig();
    chmodSync(kubeconfig, 0o644);
    ofRoot = await ReportReceiver.start();
    asRoot = run(process.execPath, [bundle.file, 'nodeagent', ...flagsOf(ofRoot)]);
  });

  after(async () => {
    asRoot?.child.kill('SIGTERM');
    await asRoot?.ended;
    await Promise.all([containerd?.close(), api?.close(), ofRoot?.close(), bundle?.remove()]);
    rmSync(directory, { recursive: true });
  });

  const flagsOf = (receiver: ReportReceiver, config = kubeconfig, listen = '127.0.0.1:0'): string[] => [
    ...['--kubeconfig', config, '--node-name', NODE, '--interval', '500ms', '--listen-address', listen],
    ...receiver.flags,
  ];

  interface Setup extends AgentRights {
    /** In place of that which names loopback. */
    readonly config?: string;
    readonly listen?: string;
  }

  interface Seen {
    readonly agent: AgentPod;
    readonly told: () => Told | undefined;
    /** Of each source that is known: up, or why it is off. */
    readonly sources: () => Promise<Record<string, string>>;
  }

  /** Starts an agent in a pod of its own, which is gone afterwards; it serves, and is healthy. */
  async function withAgent(
    { config = kubeconfig, listen, ...rights }: Setup,
    use: (seen: Seen) => Promise<void>,
  ): Promise<void> {
    const receiver = await ReportReceiver.start();
    const given = flagsOf(receiver, config, listen);
    const flags = [...given, '--path.cgroupfs', HOST_CGROUPS.containerPath, ...(rights.flags ?? [])];
    const files = [config, ...receiver.flags.slice(-1)];
    const agent = await AgentPod.start(containerd, bundle, files, { ...rights, flags });
    try {
      await eventually(
        () => agent.get('/healthz'),
        ({ status, text }) => status === 200 && text === 'ok',
      );
      await use({
        agent,
        told: () => receiver.newest && toldBy(receiver.newest),
        sources: async () => sourcesOf((await agent.get('/metrics')).text),
      });
    } catch (error) {
      throw new Error(`${String(error)}\n${agent.log().slice(-3_000)}`, { cause: error });
    } finally {
      await agent.remove();
      await receiver.close();
    }
  }

  /** Waits until both say the same of all pods, and something of each. */
  async function assertTellsTheSame({ told }: Pick<Seen, 'told'>, but: (told: Told) => Told = (all) => all) {
    const expected = () => but((ofRoot.newest && toldBy(ofRoot.newest)) ?? []);
    await eventually(
      () => [told(), expected()],
      ([seen, wanted]) => wanted?.length === pods.length && JSON.stringify(seen) === JSON.stringify(wanted),
    ).catch(() => assert.deepEqual(told(), expected()));
    const text = JSON.stringify(told());
    assert.match(text, /"reading":\[\d+(,\d+){7}\]/);
    assert.match(text, /"transport":\[\d+(,\d+){11}\]/);
    assert.match(text, /"network":"storage","nadNamespace":"telco"/);
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
        ...{ kubernetes: 'up', cgroups: 'up', cri: 'not_configured' },
        ...{ 'host-interfaces': 'up', 'pod-links': 'not_permitted' },
      });
      const { text } = await seen.agent.get('/metrics');
      for (const name of ['resident_memory_bytes', 'cpu_seconds_total']) {
        assert.ok(Number(new RegExp(`^podnet_nodeagent_process_${name} (\\S+)$`, 'm').exec(text)?.[1]) > 0, name);
      }
      assert.match(text, /^podnet_interface_receive_bytes_total\{.*interface="eth1",network="storage"/m);
    });
  });

  test('in the network of its pod it reports the same, but no names of the host', async () => {
    const relay = await relayTo(Number(new URL(api.url).port));
    const { port } = relay.address() as AddressInfo;
    const config = join(directory, 'kubeconfig');
    const text = readFileSync(kubeconfig, 'utf8');
    const server = JSON.stringify(`https://${GATEWAY}:${port}`);
    writeFileSync(config, text.replace(JSON.stringify(api.url), `${server},"tls-server-name":"localhost"`));
    const rights = { name: 'inpod', hostNetwork: false, mounts: [HOST_CGROUPS], listen: '0.0.0.0:9808', config };
    await withAgent(rights, async ({ agent, sources }) => {
      const familiesOf = (text: string) =>
        text
          .split('\n')
          .filter((line) => /^podnet_(?!nodeagent)/.test(line))
          .map((line) => line.replace(/host_interface="[^"]*"/, ''));
      const rootUrl = /"url":"(http:[^"]+)"/.exec(asRoot.error())?.[1] ?? assert.fail(asRoot.error());
      const ofAgent = familiesOf((await agent.get('/metrics')).text);
      assert.deepEqual(ofAgent, familiesOf(await (await fetch(`${rootUrl}/metrics`)).text()));
      assert.ok(ofAgent.length > 8 * 2 * PODS, 'eight counters of two interfaces each');
      assert.deepEqual(await sources(), {
        ...{ kubernetes: 'up', cgroups: 'up', cri: 'not_configured' },
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
    const hostPath = join(directory, 'closed');
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
        ...{ kubernetes: 'up', cgroups: 'not_permitted', cri: 'not_configured' },
        ...{ 'host-interfaces': 'not_host_pid', 'pod-links': 'not_host_pid' },
      });
    });
  });

  test('where procfs hides the processes of others nothing is read, and it says so', async () => {
    const hostPath = join(directory, 'hiding');
    mkdirSync(hostPath);
    execFileSync('mount', ['-t', 'proc', '-o', `hidepid=2,gid=${GROUP}`, 'proc', hostPath]);
    const rights = { mounts: [HOST_CGROUPS, { ...HOST_PROC, hostPath }], flags: AT_HOST_PROC };
    try {
      await withAgent({ name: 'hidden', ...rights }, async ({ agent, told, sources }) => {
        const seen = await eventually(told, (all) => all?.length === pods.length);
        assert.doesNotMatch(JSON.stringify(seen), /"reading"|"transport":\[/);
        const { text } = await agent.get('/metrics');
        assert.match(text, new RegExp(`^podnet_nodeagent_pods_skipped\\{reason="not_readable"\\} ${PODS}$`, 'm'));
        console.log(await sources());
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
    const hostPath = containerd.endpoint.replace('unix://', '');
    const rights = { mounts: [HOST_CGROUPS, { hostPath, containerPath: SOCKET }], flags: ['--cri-endpoint', SOCKET] };
    const assertCriIs = (name: string, expected: string, more: Partial<AgentRights> = {}) =>
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

function sourcesOf(metrics: string): Record<string, string> {
  const found = metrics.matchAll(/^podnet_nodeagent_source_up\{source="([^"]+)",reason="([^"]*)"\} ([01])$/gm);
  return Object.fromEntries([...found].map(([, source = '', reason = '', up]) => [source, up === '1' ? 'up' : reason]));
}
