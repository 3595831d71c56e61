import { errorMessage } from '../../../runtime/logger.js';
import { sleep } from '../../../runtime/sleep.js';
import { orUndefined, type Cluster } from '../cluster.js';
import { at, conditionOf, nameOf, textAt } from '../json.js';
import { RUN_LABEL } from '../names.js';
import type { Run } from '../run-context.js';
import { stopIfAborted } from '../wait.js';

/** As often as a kubelet: the controller manager gives a node up after 40 s or more. */
const HEARTBEAT_MS = 10_000;
const ADDRESS = '192.0.2.1'; // RFC 5737: nobody's

/** Whether kubelets run the pods of a cluster: some node is ready, and not one that a run has left behind. */
export async function hasKubelets(cluster: Cluster): Promise<boolean> {
  const nodes = await cluster.list(`/api/v1/nodes?limit=500&labelSelector=${encodeURIComponent(`!${RUN_LABEL}`)}`);
  return nodes.some((node) => conditionOf(node, 'Ready').status === 'True');
}

/** Plays the kubelets of two nodes of its own: binds the pods of the run, calls them Running, and lets them go. */
export class PlayedKubelets {
  readonly #run: Run;
  #heartbeatMs = -Infinity;
  #turn = 0;

  constructor(run: Run) {
    this.#run = run;
  }

  get #nodes(): string[] {
    const { prefix } = this.#run.names;
    return [`${prefix}-a`, `${prefix}-b`];
  }

  async createNodes(): Promise<void> {
    const { cluster, names } = this.#run;
    for (const name of this.#nodes) {
      const wellKnown = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' };
      await cluster.create({
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name, labels: { ...names.labels, ...wellKnown } },
        // nobody else's pods are to end up here: a binding does not ask for taints
        spec: { taints: [{ key: RUN_LABEL, value: names.id, effect: 'NoSchedule' }] },
      });
    }
    await this.#heartbeat();
  }

  /** Until aborted. A failure costs a round. */
  async serve(signal: AbortSignal): Promise<void> {
    let problem = '';
    while (!signal.aborted) {
      try {
        await this.#round();
        problem = '';
      } catch (error) {
        if (signal.aborted) return;
        if (errorMessage(error) !== problem)
          this.#run.outcomes.note(`      playing the kubelets: ${errorMessage(error)}`);
        problem = errorMessage(error);
      }
      await sleep(this.#run.patience.pollMs, signal);
    }
  }

  async #round(): Promise<void> {
    const { cluster, names, clock, patience } = this.#run;
    if (clock.monotonicMs() - this.#heartbeatMs >= HEARTBEAT_MS) await this.#heartbeat();
    for (const namespace of [names.load, names.system]) {
      for (const pod of await cluster.list(`/api/v1/namespaces/${namespace}/pods`)) {
        stopIfAborted(patience.signal);
        await this.#look(`/api/v1/namespaces/${namespace}/pods/${nameOf(pod)}`, pod);
      }
    }
  }

  /** What a kubelet, and before it the scheduler, would do next; a pod that is gone or bound meanwhile is looked at again. */
  async #look(path: string, pod: unknown): Promise<void> {
    const { cluster } = this.#run;
    const node = textAt(pod, 'spec', 'nodeName');
    const act = async (): Promise<unknown> => {
      if (node === '') return this.#bind(path, pod);
      if (!this.#nodes.includes(node)) return undefined;
      if (at(pod, 'metadata', 'deletionTimestamp') !== undefined) {
        return cluster.remove(path, { gracePeriodSeconds: 0 });
      }
      if (textAt(pod, 'status', 'phase') === 'Running') return undefined;
      return cluster.patch(`${path}/status`, { status: this.#running(pod) });
    };
    await orUndefined(act(), [404, 409]);
  }

  #bind(path: string, pod: unknown): Promise<unknown> {
    const nodes = this.#nodes;
    const name = nodes[this.#turn++ % nodes.length] ?? '';
    return this.#run.cluster.post(`${path}/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: nameOf(pod) },
      target: { apiVersion: 'v1', kind: 'Node', name },
    });
  }

  #running(pod: unknown): object {
    const now = this.#now();
    const condition = (type: string): object => ({ type, status: 'True', lastTransitionTime: now });
    return {
      phase: 'Running',
      startTime: now,
      ...{ hostIP: ADDRESS, podIP: ADDRESS, podIPs: [{ ip: ADDRESS }] },
      conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map(condition),
      containerStatuses: [
        {
          ...{ name: 'main', ready: true, started: true, restartCount: 0, imageID: '' },
          image: textAt(pod, 'spec', 'containers', 0, 'image'),
          state: { running: { startedAt: now } },
        },
      ],
    };
  }

  async #heartbeat(): Promise<void> {
    const { cluster, clock } = this.#run;
    this.#heartbeatMs = clock.monotonicMs();
    const now = this.#now();
    const condition = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'played by test:e2e' };
    const capacity = { cpu: '8', memory: '16Gi', pods: '110' };
    for (const name of this.#nodes) {
      await cluster.patch(`/api/v1/nodes/${name}/status`, {
        status: {
          conditions: [{ ...condition, lastHeartbeatTime: now, lastTransitionTime: now }],
          ...{ capacity, allocatable: capacity, addresses: [{ type: 'Hostname', address: name }] },
        },
      });
    }
  }

  #now(): string {
    return `${new Date(this.#run.clock.wallMs()).toISOString().slice(0, 19)}Z`;
  }
}
