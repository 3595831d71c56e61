import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { NodeReport } from '../../openapi/node-report.js';
import { AgentPod, type AgentRights } from './agent-pod.js';
import { makeBundle, run, type Bundle, type Run } from './bundle.js';
import { Containerd } from './containerd.js';
import type { RunningPod } from './containerd/pods.js';
import { createKubeApi, type KubeApiServer } from './kube-api.js';
import { PodObjects } from './pod-objects.js';
import { ReportReceiver } from './report-receiver.js';

const NODE = 'node-of-the-test';
const PODS = 4;
/** As an agent's pod has the hierarchies of the node: its own /sys/fs/cgroup is something else. */
export const HOST_CGROUPS = { hostPath: '/sys/fs/cgroup', containerPath: '/host/sys/fs/cgroup' };

export type Told = ReturnType<typeof toldBy>;

/** What the newest sample of a report says of the pods: all but when. */
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

/** An agent in a pod, as a test gives it its rights. */
export interface AgentSetup extends AgentRights {
  /** In place of that which names loopback. */
  readonly kubeconfig?: string;
  readonly listen?: string;
}

export interface StartedAgent {
  readonly agent: AgentPod;
  readonly told: () => Told | undefined;
  /** Of each source that is known: up, or why it is off. */
  readonly sources: () => Promise<Record<string, string>>;
  readonly close: () => Promise<void>;
}

interface Parts {
  readonly containerd: Containerd;
  readonly api: KubeApiServer;
  readonly bundle: Bundle;
  readonly receiver: ReportReceiver;
  readonly directory: string;
  readonly kubeconfig: string;
}

/** A node with quiet pods that have had traffic, and the agent that is shipped running as root beside them. */
export class AgentNode {
  readonly #parts: Parts;
  readonly #asRoot: Run;
  #pods: readonly RunningPod[] = [];

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.#asRoot = run(process.execPath, [parts.bundle.file, 'nodeagent', ...this.#flags(parts.receiver)]);
  }

  /** @param where as Containerd takes it */
  static async start(where: { readonly prefix: string; readonly octet: number }): Promise<AgentNode> {
    const containerd = await Containerd.start(where);
    const [api, bundle, receiver] = await Promise.all([createKubeApi(), makeBundle(), ReportReceiver.start()]);
    const directory = await mkdtemp(join(tmpdir(), `podnet-${where.prefix}-`));
    await chmod(directory, 0o755);
    const kubeconfig = await api.kubeconfig();
    await chmod(kubeconfig, 0o644); // where it is mounted it is read by whoever the agent is
    const node = new AgentNode({ containerd, api, bundle, receiver, directory, kubeconfig });
    try {
      node.#pods = await createPods(containerd);
      const objects = new PodObjects(api, NODE);
      node.#pods.forEach((pod) => objects.put(pod));
    } catch (error) {
      await node.close();
      throw error;
    }
    return node;
  }

  /** For a test's own files. */
  get directory(): string {
    return this.#parts.directory;
  }

  /** As in --cri-endpoint, without its scheme. */
  get criSocket(): string {
    return this.#parts.containerd.endpoint.replace('unix://', '');
  }

  get api(): KubeApiServer {
    return this.#parts.api;
  }

  get kubeconfig(): string {
    return this.#parts.kubeconfig;
  }

  get pods(): readonly RunningPod[] {
    return this.#pods;
  }

  /** What root tells; nothing before it has told of all. */
  toldByRoot(): Told | undefined {
    const { newest } = this.#parts.receiver;
    return newest?.pods.length === this.#pods.length ? toldBy(newest) : undefined;
  }

  async metricsOfRoot(): Promise<string> {
    const url = /"url":"(http:[^"]+)"/.exec(this.#asRoot.error())?.[1];
    if (url === undefined) throw new Error(this.#asRoot.error());
    return (await fetch(`${url}/metrics`)).text();
  }

  /** Starts an agent in a pod, and waits until it is healthy. */
  async startAgent({ kubeconfig, listen, flags = [], ...rights }: AgentSetup): Promise<StartedAgent> {
    const receiver = await ReportReceiver.start();
    const { containerd, bundle } = this.#parts;
    const files = [kubeconfig ?? this.kubeconfig, receiver.caFile];
    const given = [...this.#flags(receiver, kubeconfig, listen), '--path.cgroupfs', HOST_CGROUPS.containerPath];
    try {
      const agent = await AgentPod.start(containerd, bundle, files, { ...rights, flags: [...given, ...flags] });
      await agent.healthy();
      return {
        agent,
        told: () => receiver.newest && toldBy(receiver.newest),
        sources: async () => sourcesOf((await agent.get('/metrics')).text),
        close: async () => {
          await agent.remove();
          await receiver.close();
        },
      };
    } catch (error) {
      await receiver.close(); // the pod goes with the node
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#asRoot.child.kill('SIGTERM');
    await this.#asRoot.ended;
    const { containerd, api, bundle, receiver, directory } = this.#parts;
    await Promise.all([containerd.close(), api.close(), bundle.remove(), receiver.close()]);
    await rm(directory, { recursive: true });
  }

  #flags(receiver: ReportReceiver, kubeconfig = this.kubeconfig, listen = '127.0.0.1:0'): string[] {
    const common = ['--node-name', NODE, '--interval', '500ms', '--listen-rate-limit', '1000'];
    return [...common, '--kubeconfig', kubeconfig, '--listen-address', listen, ...receiver.flags];
  }
}

/** Each sends to the next, another number of bytes over each network; one is on the host network. */
async function createPods(containerd: Containerd): Promise<RunningPod[]> {
  const pods: RunningPod[] = [];
  for (let n = 0; n < PODS; n++) {
    const uid = `5d7c4364-a67f-4714-8208-${String(n).padStart(12, '0')}`;
    pods.push(await containerd.createPod({ namespace: 'telco', name: `upf-${n}`, uid, labels: { app: 'upf' } }));
  }
  for (const [n, pod] of pods.entries()) {
    const to = pods[(n + 1) % PODS] ?? pod;
    for (const [i, interfaceName] of ['eth0', 'eth1'].entries()) {
      await containerd.send(pod, to, { interfaceName, count: 5 + n, payload: 100 + 31 * n + 7 * i });
    }
  }
  const onHost = { namespace: 'telco', name: 'exporter', uid: 'a6b1f3a4-0000-4000-8000-000000000000' };
  return [...pods, await containerd.createPod({ ...onHost, hostNetwork: true })];
}

function sourcesOf(metrics: string): Record<string, string> {
  const found = metrics.matchAll(/^podnet_nodeagent_source_up\{source="([^"]+)",reason="([^"]*)"\} ([01])$/gm);
  return Object.fromEntries([...found].map(([, source = '', reason = '', up]) => [source, up === '1' ? 'up' : reason]));
}
