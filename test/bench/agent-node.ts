import { execFileSync } from 'node:child_process';
import { createKubeApi, type KubeApiServer } from '../support/kube-api.js';
import { PlayedNode, recordedJson, startCriServer } from '../support/cri-server.js';
import { makeSocketDirectory, type Message } from '../support/grpc-server.js';
import { NodePods } from '../support/node-pods.js';

const PREFIX = 'pnba';
const RUNTIME = 'containerd-2.1.9';
const INTERFACES = ['eth0', 'net1', 'net2'];
const NETWORKS = ['cbr0', 'telco/n3', 'telco/n6'];
/** Namespaces made at the same time. */
const AT_A_TIME = 10;

export interface BenchPod {
  readonly namespace: string;
  readonly name: string;
}

/**
 * A node with pods: a process, a cgroup and a network namespace each, with veth pairs into the node's own namespace; and what the
 * Kubernetes API and a container runtime say of them.
 */
export class BenchNode {
  readonly name = 'node-of-the-bench';
  readonly #processes = new NodePods(PREFIX);
  readonly #close: (() => PromiseLike<void> | void)[] = [];

  private constructor(readonly api: KubeApiServer) {}

  static async create(pods: number): Promise<BenchNode> {
    const node = new BenchNode(await createKubeApi());
    node.#close.push(
      () => node.#processes.close(),
      () => node.api.close(),
    );
    try {
      await node.#addPods(pods);
    } catch (error) {
      await node.close();
      throw error;
    }
    return node;
  }

  /** Of the processes in the namespaces of the pods. */
  readonly pids: number[] = [];
  readonly #uids: string[] = [];
  readonly pods: BenchPod[] = [];

  async #addPods(count: number): Promise<void> {
    for (let first = 0; first < count; first += AT_A_TIME) {
      const numbers = Array.from({ length: Math.min(AT_A_TIME, count - first) }, (_, i) => first + i);
      await Promise.all(numbers.map((number) => this.#addPod(number)));
    }
    // the node's ends come up when all pods have theirs: then the kernel's own multicast makes the counters count
    const lines = Array.from({ length: count }, (_, pod) =>
      INTERFACES.map((_name, n) => `link set ${hostEnd(pod, n)} up`),
    );
    execFileSync('ip', ['-batch', '-'], { input: `${lines.flat().join('\n')}\n` });
  }

  async #addPod(number: number): Promise<void> {
    const uid = `6f3b7c1e-22aa-4c5d-9e0f-${String(number).padStart(12, '0')}`;
    const links = INTERFACES.flatMap((name, n) => [
      `link add ${name} type veth peer name ${hostEnd(number, n)} netns 1`,
      `addr add 10.${200 + n}.${number >> 8}.${number & 255}/16 dev ${name}`,
      `link set ${name} up`,
    ]);
    const pid = await this.#processes.add({ uid, ip: ['link set lo up', ...links, 'route add default dev eth0'] });
    this.pids.push(pid);
    this.#uids.push(uid);
    const namespace = `team-${number % 10}`;
    this.pods.push({ namespace, name: nameOf(number) });
    this.api.put(`/api/v1/namespaces/${namespace}/pods/${nameOf(number)}`, podObject(number, uid, this.name));
  }

  /** A runtime that knows these pods, in this process. @returns the socket's path */
  async serveCri(): Promise<string> {
    const { socketPath, [Symbol.asyncDispose]: remove } = await makeSocketDirectory();
    const played = new PlayedNode();
    this.#uids.forEach((uid, number) => addSandbox(played, { uid, number, pid: this.#processes.pidOf(uid) }));
    const server = await startCriServer(socketPath, played.handlers());
    this.#close.push(() => server.stop(), remove);
    return socketPath;
  }

  async close(): Promise<void> {
    for (const close of this.#close) await close();
  }
}

function hostEnd(pod: number, n: number): string {
  return `${PREFIX}${pod}n${n}`;
}

function nameOf(number: number): string {
  return `checkout-service-7d9f8b6c5-${String(number).padStart(5, '0')}`;
}

/** With what a kubelet, a scheduler and Multus write, in the usual length. */
function podObject(number: number, uid: string, node: string) {
  const image = 'registry.example.com/shop/checkout-service:1.18.2';
  const status = INTERFACES.map((name, n) => ({
    ...{ name: NETWORKS[n], interface: name, ips: [`10.${200 + n}.0.${number}`], mac: '02:00:00:00:00:01', dns: {} },
    ...(n === 0 && { default: true }),
  }));
  return {
    metadata: {
      uid,
      creationTimestamp: '2026-11-20T10:00:00Z',
      labels: { app: 'checkout-service', 'pod-template-hash': '7d9f8b6c5', 'app.kubernetes.io/part-of': 'shop' },
      annotations: { 'k8s.v1.cni.cncf.io/network-status': JSON.stringify(status) },
      ownerReferences: [{ kind: 'ReplicaSet', name: 'checkout-service-7d9f8b6c5', controller: true }],
    },
    spec: { nodeName: node, containers: [{ name: 'main', image }] },
    status: {
      ...{ phase: 'Running', podIP: `10.200.0.${number}`, podIPs: [{ ip: `10.200.0.${number}` }] },
      containerStatuses: [{ name: 'main', image, containerID: `containerd://${containerId(uid)}` }],
    },
  };
}

/** As NodePods names their cgroups. */
function containerId(uid: string): string {
  return uid.replaceAll('-', '').padEnd(64, '0');
}

function addSandbox(played: PlayedNode, { uid, number, pid }: { uid: string; number: number; pid: number }): void {
  const rename = (recorded: Message, id: string): Message =>
    JSON.parse(
      JSON.stringify(recorded)
        .replaceAll('11111110-2222-4333-8444-555555555550', uid)
        .replaceAll('web-0', nameOf(number))
        .replaceAll('8ee8ab26a33059a41d1e7d1b5e17ff671941acbfb6969d902340afddd4ce712d', sandboxId(number))
        .replaceAll('2d713fa68d65f424bc838e17bd5dfa39a0471086b60bbc18f5a4a1582a444930', id)
        .replace(/\\"pid\\":\d+/, `\\"pid\\":${pid}`),
    ) as Message;
  const recorded = (name: string): Message => rename(recordedJson(RUNTIME, name), containerId(uid));
  const first = (name: string, list: string): Message => (recorded(name)[list] as Message[])[0] ?? {};
  played.sandboxes.push(first('ListPodSandbox', 'items'));
  played.containers.push(first('ListContainers', 'containers'));
  played.setStatus(recorded('PodSandboxStatus.web-0.verbose'));
  played.containerStatuses.set(containerId(uid), recorded('ContainerStatus.web-0.verbose'));
}

function sandboxId(number: number): string {
  return number.toString(16).padStart(64, 'a');
}
