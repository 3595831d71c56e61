import type { VirtualFunctionReport } from '../../../openapi/device-report.js';
import type { NodeReport, PodReport } from '../../../openapi/node-report.js';
import { NODE_REPORT_VERSION } from '../../../openapi/report-terms.js';
import { errorMessage } from '../../../runtime/logger.js';
import { sleep } from '../../../runtime/sleep.js';
import { at, nameOf, numberAt, textAt } from '../json.js';
import { APPS, type AppName } from '../names.js';
import type { Run } from '../run-context.js';
import type { Agent, Agents } from './agents.js';
import { LOADS, networkOf, vfNetworkOf, type LoadName } from './workloads.js';

const MTU = 1_500;
/** The pods of this app have a VF besides, without a netdev; what all of it receives is the load again. */
const VF_APP: AppName = 'web-pods';
const PF = 'ens1f0';
export const VF_RESOURCE = 'openshift.io/inteldpdk';
const VFS_PER_SLOT = 8;

/** A pod that runs, as its node would find it. */
interface RunningPod {
  readonly app: AppName;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly createdAt: string;
  readonly node: string;
}

/** Reports real pods with traffic that is made up: all pods of an app together have its load. */
export class Pusher {
  readonly #run: Run;
  readonly #agents: Agents;
  readonly #loads = new Map<AppName, LoadName>(APPS.map((app) => [app, 'start']));
  /** Bytes received since the pod was first seen, by uid. */
  readonly #received = new Map<string, number>();
  readonly #sequences = new Map<string, number>();
  /** Index of the VF that each pod has, by uid: every node has the same addresses. */
  readonly #vfs = new Map<string, number>();
  #lastMs: number | undefined;
  #isSilent = false;
  #problem = 'nothing was pushed yet';
  #accepted = 0;

  constructor(run: Run, agents: Agents) {
    this.#run = run;
    this.#agents = agents;
  }

  /** Reports that were answered with 200 so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** What was wrong with the last round; empty when nothing was. */
  get problem(): string {
    return this.#problem;
  }

  setLoad(load: LoadName): void {
    for (const app of APPS) this.#loads.set(app, load);
  }

  /** As if every agent had died, or come back. */
  setSilent(isSilent: boolean): void {
    this.#isSilent = isSilent;
  }

  /** Until aborted. A failure costs a round and is kept for whoever waits for the reports. */
  async serve(signal: AbortSignal): Promise<void> {
    const { options, clock } = this.#run;
    while (!signal.aborted) {
      const startedMs = clock.monotonicMs();
      try {
        await this.#round(signal);
      } catch (error) {
        this.#problem = errorMessage(error);
      }
      await sleep(Math.max(0, options.pushInterval - (clock.monotonicMs() - startedMs)), signal);
    }
  }

  /** Of one node, with the pods given. */
  reportOf(agent: Agent, pods: readonly PodReport[] = []): NodeReport {
    const nowMs = this.#run.clock.monotonicMs();
    const sequence = (this.#sequences.get(agent.node) ?? 0) + 1;
    this.#sequences.set(agent.node, sequence);
    return {
      apiVersion: NODE_REPORT_VERSION,
      kind: 'NodeReport',
      node: agent.node,
      role: 'node',
      bootId: `${this.#run.names.prefix}-boot`,
      instance: { id: agent.instance, startedAt: 0 },
      sequence,
      intervalMs: this.#run.options.pushInterval,
      sentAt: nowMs,
      agentVersion: 'test:e2e',
      samples: [{ sequence, takenAt: nowMs }],
      pods: [...pods],
      collectors: [{ name: 'interfaces', ok: true, seconds: 0 }],
    };
  }

  async #round(signal: AbortSignal): Promise<void> {
    const pods = await this.#running();
    this.#count(pods);
    if (this.#isSilent) return;
    // a node whose last pod is gone says so, too
    const nodes = new Set([...this.#sequences.keys(), ...pods.map(({ node }) => node)]);
    for (const node of nodes) {
      const agent = await this.#agents.on(node);
      const onNode = pods.filter((pod) => pod.node === node);
      this.#giveVfs(onNode);
      const report = {
        ...this.reportOf(
          agent,
          onNode.map((pod) => this.#reportOfPod(pod)),
        ),
        virtualFunctions: onNode.flatMap((pod) => this.#reportOfVf(pod)),
      };
      const { statusCode, body } = await agent.post(report, signal);
      const rejected: unknown = statusCode === 200 ? JSON.parse(body) : undefined;
      if (statusCode !== 200 || numberAt(rejected, 'rejectedCount') !== 0) {
        throw new Error(`the report of node ${node} was answered with ${statusCode}: ${body.slice(0, 500)}`);
      }
      this.#accepted++;
    }
    this.#problem = '';
  }

  async #running(): Promise<RunningPod[]> {
    const { cluster, names } = this.#run;
    const pods = await cluster.list(
      `/api/v1/namespaces/${names.load}/pods?labelSelector=${encodeURIComponent(names.selector)}`,
    );
    return pods.flatMap((pod) => {
      const app = APPS.find((one) => one === textAt(pod, 'metadata', 'labels', 'app'));
      const node = textAt(pod, 'spec', 'nodeName');
      const isRunning = node !== '' && textAt(pod, 'status', 'phase') === 'Running';
      const isLeaving = at(pod, 'metadata', 'deletionTimestamp') !== undefined;
      if (app === undefined || !isRunning || isLeaving) return [];
      const uid = textAt(pod, 'metadata', 'uid');
      const createdAt = textAt(pod, 'metadata', 'creationTimestamp');
      return [{ app, namespace: names.load, name: nameOf(pod), uid, createdAt, node }];
    });
  }

  /** Lets the time since the last round count: the load of an app is shared by its pods. */
  #count(pods: readonly RunningPod[]): void {
    const nowMs = this.#run.clock.monotonicMs();
    const seconds = (nowMs - (this.#lastMs ?? nowMs)) / 1_000;
    this.#lastMs = nowMs;
    for (const { app, uid } of pods) {
      const { bytesPerSecond } = LOADS[this.#loads.get(app) ?? 'start'];
      const share = bytesPerSecond / pods.filter((pod) => pod.app === app).length;
      this.#received.set(uid, (this.#received.get(uid) ?? 0) + share * seconds);
    }
  }

  /** The first that no other pod of the node has. */
  #giveVfs(onNode: readonly RunningPod[]): void {
    const owners = onNode.filter(({ app }) => app === VF_APP);
    for (const { uid } of owners) {
      const taken = new Set(owners.map((other) => this.#vfs.get(other.uid)));
      let index = 0;
      while (!this.#vfs.has(uid) && taken.has(index)) index++;
      if (!this.#vfs.has(uid)) this.#vfs.set(uid, index);
    }
  }

  #reportOfVf({ app, uid, name, namespace }: RunningPod): VirtualFunctionReport[] {
    const index = this.#vfs.get(uid);
    if (index === undefined) return [];
    const receiveBytes = Math.round(this.#received.get(uid) ?? 0);
    return [
      {
        ...{ pf: PF, vf: index, pciAddress: vfAddress(index), numaNode: 0, driver: 'vfio-pci' },
        ...{ epoch: `${uid}/vf`, isCurrent: true, raw: { receiveBytes: String(receiveBytes) } },
        owner: {
          ...{ podUid: uid, namespace, pod: name, container: 'main', resource: VF_RESOURCE },
          ...{ interface: 'net1', network: vfNetworkOf(app), nadNamespace: namespace, source: 'kubelet' },
        },
        ...{ counted: { receiveBytes }, unattributed: { receiveBytes: 0 } },
      },
    ];
  }

  #reportOfPod({ app, uid, name, namespace, createdAt }: RunningPod): PodReport {
    const bytes = Math.round(this.#received.get(uid) ?? 0);
    const packets = Math.round(bytes / MTU);
    const vf = this.#vfs.get(uid);
    return {
      ...{ namespace, name, uid, creationTimestamp: createdAt, labels: { app }, hostNetwork: false },
      interfaces: [
        {
          ...{ name: 'eth0', network: networkOf(app), nadNamespace: '', primary: true },
          ...{ identity: `${uid}/2`, source: 'netdev' },
          readings: [[bytes, packets, 0, 0, bytes, packets, 0, 0]],
        },
        ...(vf === undefined
          ? []
          : [
              {
                ...{ name: 'net1', network: vfNetworkOf(app), nadNamespace: namespace, primary: false },
                ...{ identity: `${uid}/vf`, source: 'vf' as const, pciAddress: vfAddress(vf) },
                readings: [[bytes, packets, null, null, bytes, packets, null, null]],
              },
            ]),
      ],
    };
  }
}

/** Of the same device on every node. */
function vfAddress(index: number): string {
  const slot = (1 + Math.floor(index / VFS_PER_SLOT)).toString(16).padStart(2, '0');
  return `0000:17:${slot}.${index % VFS_PER_SLOT}`;
}
