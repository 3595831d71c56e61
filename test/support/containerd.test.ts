import assert from 'node:assert/strict';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { Containerd, CONTAINERD_REQUIREMENTS } from './containerd.js';
import { findLeftovers } from './containerd/leftovers.js';
import { readKernelCounters } from './containerd/network.js';
import type { RunningPod } from './containerd/pods.js';
import { startKubernetes } from './kube-client.js';
import { PodObjects } from './pod-objects.js';
import { eventually } from './programs.js';
import { missing } from './requirements.js';

const OPTIONS = { prefix: 'pncd', octet: 251 };
const NOTHING = { pids: [], mounts: [], cgroups: [], links: [], files: [] };
const uidOf = (n: number): string => `5d7c4364-a67f-4714-8208-${String(n).padStart(12, '0')}`;
const netnsOf = (pid: number): string => readlinkSync(`/proc/${pid}/ns/net`);
const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`);

/** Bytes of an interface in /proc/<pid>/net/dev. */
function bytesOf(pid: number, interfaceName: string): { received: number; sent: number } {
  const line = readFileSync(`/proc/${pid}/net/dev`, 'utf8')
    .split('\n')
    .find((one) => one.trim().startsWith(`${interfaceName}:`));
  const columns = (line ?? '').replace(/^.*:/, '').trim().split(/\s+/).map(Number);
  return { received: columns[0] ?? NaN, sent: columns[8] ?? NaN };
}

describe('a containerd of a test', { skip: missing(...CONTAINERD_REQUIREMENTS) }, () => {
  const readForwarding = (): string => readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8');
  let forwarding: string;
  let containerd: Containerd;
  let a: RunningPod;
  let b: RunningPod;
  before(async () => {
    containerd = await Containerd.start(OPTIONS);
    forwarding = readForwarding(); // no pod has made CNI turn it on yet
    a = await containerd.createPod({ namespace: 'telco', name: 'a', uid: uidOf(1) });
    b = await containerd.createPod({ namespace: 'telco', name: 'b', uid: uidOf(2), labels: { app: 'b' } });
  });
  after(() => containerd?.close());

  const processesOf = (pod: RunningPod): number[] => [pod.pid, ...pod.containers.map(({ pid }) => pid)];

  test('a pod has two containers, two interfaces and cgroups of its own', () => {
    for (const pod of [a, b]) {
      assert.deepEqual([...new Set(processesOf(pod).map(netnsOf))].length, 1);
      assert.notEqual(netnsOf(pod.pid), netnsOf(process.pid));
      assert.deepEqual(
        pod.interfaces.map(({ name, address }) => [name, address.replace(/\.\d+$/, '')]),
        [
          ['eth0', '10.251.0'],
          ['eth1', '10.251.1'],
        ],
      );
      for (const { id, pid } of pod.containers) {
        const cgroups = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
        assert.ok(cgroups.includes(`:/pncd/kubepods/burstable/pod${pod.uid}/${id}\n`), cgroups);
      }
    }
    assert.notEqual(netnsOf(a.pid), netnsOf(b.pid));
  });

  for (const interfaceName of ['eth0', 'eth1']) {
    const other = interfaceName === 'eth0' ? 'eth1' : 'eth0';
    test(`what is sent over ${interfaceName} is counted there to the byte`, async () => {
      await containerd.send(a, b, { interfaceName, count: 1, payload: 1 }); // neighbours are known from now on
      const read = () => [a, b].map(({ pid }) => ({ used: bytesOf(pid, interfaceName), idle: bytesOf(pid, other) }));
      const [aBefore, bBefore] = read();
      await containerd.send(a, b, { interfaceName, count: 1_000, payload: 1_000 });
      const [aAfter, bAfter] = read();
      const bytes = 1_000 * (1_000 + 42); // UDP, IPv4 and Ethernet headers
      assert.deepEqual(aAfter, { ...aBefore, used: { ...aBefore?.used, sent: (aBefore?.used.sent ?? 0) + bytes } });
      assert.deepEqual(bAfter, {
        ...bBefore,
        used: { ...bBefore?.used, received: (bBefore?.used.received ?? 0) + bytes },
      });
      const [received = NaN, , , , sent = NaN] = (await readKernelCounters(b.netns ?? '')).get(interfaceName) ?? [];
      assert.deepEqual({ received, sent }, bAfter?.used);
    });
  }

  test('a pod of the host network is in none of its own', async () => {
    const pod = await containerd.createPod({ namespace: 'telco', name: 'host', uid: uidOf(3), hostNetwork: true });
    assert.equal(netnsOf(pod.pid), netnsOf(process.pid));
    assert.deepEqual([pod.netns, pod.interfaces], [undefined, []]);
    await containerd.removePod(pod);
    assert.ok(!isAlive(pod.pid));
  });

  test('a pod goes on without one of its containers, and with another', async () => {
    const [main] = a.containers;
    await containerd.killContainer(a, 'main');
    assert.deepEqual(processesOf(a).map(isAlive), [true, false, true]);
    const netns = netnsOf(a.pid);
    a = await containerd.restartContainer(a, 'main');
    assert.notEqual(a.containers[0]?.id, main?.id);
    assert.deepEqual(
      a.containers.map(({ restartCount }) => restartCount),
      [1, 0],
    );
    assert.deepEqual(processesOf(a).map(netnsOf), [netns, netns, netns]);
  });

  test('pods go on while containerd ends, in order or not', async () => {
    const pids = [a, b].flatMap(processesOf);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await containerd.restart(signal);
      assert.ok(pids.every(isAlive));
      assert.equal((await containerd.cri.podSandboxStatus(a.sandboxId)).pid, a.pid);
    }
    const late = await containerd.createPod({ namespace: 'telco', name: 'late', uid: uidOf(4), containers: ['main'] });
    await containerd.removePod(late);
  });

  test('containers outlive the pause of their sandbox, until it is stopped', async () => {
    const netns = netnsOf(b.pid);
    await containerd.killSandbox(b);
    const containers = b.containers.map(({ pid }) => pid);
    assert.deepEqual(containers.map(netnsOf), [netns, netns]);
    await containerd.send(a, b, { interfaceName: 'eth1', count: 1, payload: 1 });
    await containerd.stopPod(b);
    assert.deepEqual(containers.map(isAlive), [false, false]);
    assert.equal((await containerd.cri.podSandboxStatus(b.sandboxId)).state, 'SANDBOX_NOTREADY');
    await containerd.removePod(b);
    await assert.rejects(containerd.cri.podSandboxStatus(b.sandboxId), /not found/);
  });

  test('whoever watches the pods of the node hears of it', async (t) => {
    const { api, client, signal } = await startKubernetes(t);
    const objects = new PodObjects(api, 'node-a');
    const path = '/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Dnode-a';
    const events: string[] = [];
    const watching = (async () => {
      for await (const event of client.watch({ method: 'GET', path, signal })) events.push(JSON.stringify(event));
    })();
    watching.catch(() => undefined); // it ends with the test
    await eventually(
      () => api.openWatches,
      (count) => count === 1,
    );
    new PodObjects(api, 'node-b').put(b);
    objects.put(a);
    objects.put(a, { ended: ['main'] });
    objects.remove(a);
    await eventually(
      () => events.length,
      (count) => count === 3,
    );
    assert.deepEqual(
      events.map((text) => /"type":"(\w+)"/.exec(text)?.[1]),
      ['ADDED', 'MODIFIED', 'DELETED'],
    );
    for (const text of [a.uid, `"containerID":"containerd://${a.containers[0]?.id ?? ''}"`, 'telco/storage'])
      assert.ok(events[0]?.includes(text), events[0]);
    assert.match(events[1] ?? '', /"terminated":\{"exitCode":137/);
  });

  test('a prefix that another test has is refused', async () => {
    await assert.rejects(Containerd.start(OPTIONS), /pncd is that of .*, of process \d+/);
    assert.equal((await containerd.cri.podSandboxStatus(a.sandboxId)).pid, a.pid);
  });

  test('nothing is left of it in the end', async () => {
    const { cgroups, links, pids } = findLeftovers(containerd.owner);
    assert.ok(cgroups.length > 0 && links.length > 2 && pids.length > 3);
    await containerd.close();
    assert.deepEqual(findLeftovers(containerd.owner), NOTHING);
    assert.ok(!existsSync(containerd.owner.directory));
    assert.equal(readForwarding(), forwarding);
  });

  test('nothing is left of one that ended with its pods running', async () => {
    const crashed = await Containerd.start({ prefix: 'pncx', octet: 251 });
    try {
      const pod = await crashed.createPod({ namespace: 'telco', name: 'a', uid: uidOf(5) });
      await crashed.killSandbox(pod);
      await crashed.stop('SIGKILL');
      assert.ok(pod.containers.every(({ pid }) => isAlive(pid)));
    } finally {
      await crashed.close();
    }
    assert.deepEqual(findLeftovers(crashed.owner), NOTHING);
    assert.ok(!existsSync(crashed.owner.directory));
    assert.equal(readForwarding(), forwarding);
  });
});
