// The Kubernetes API of the simulated cluster: the pods that the world has at a time, and answers to whoever asks who may what.
import type { Clock } from '../../runtime/clock.js';
import { sleep } from '../../runtime/sleep.js';
import { createKubeApi, type KubeApiServer } from '../support/kube-api.js';
import { worldOptionsOf, type ClusterOrder, type ClusterStarted } from './messages.js';
import { LABELS } from './sim-report.js';
import { agentPodOf, ALGORITHM, ISSUER, KEY_ID } from './tokens.js';
import { World, type SimPod } from './world.js';

const AUTHENTICATION = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
const TICK_MS = 200;
const BOOKMARKS_EVERY_TICKS = 150;

/** Lists pods as they come and go. */
export class ClusterApi {
  readonly #world: World;
  readonly #api: KubeApiServer;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  /** By the tick in which they end. */
  readonly #ending = new Map<number, SimPod[]>();

  private constructor(world: World, api: KubeApiServer, clock: Clock) {
    this.#world = world;
    this.#api = api;
    this.#clock = clock;
    const { nodes, startMs } = world.options;
    const nowMs = Math.max(startMs, clock.monotonicMs());
    for (let node = 0; node < nodes; node++) {
      this.#putAgent(node);
      for (const pod of world.podsOf(node, nowMs)) this.#put(pod);
    }
    this.#running = this.#run(Math.floor(nowMs / TICK_MS));
  }

  static async start({ world: settings, authentication, publicKey }: ClusterOrder, clock: Clock): Promise<ClusterApi> {
    const api = await createKubeApi({ onAccessReview: () => ({ allowed: true }) });
    api.jwks = { keys: [{ ...publicKey, kid: KEY_ID, alg: ALGORITHM, use: 'sig' }] };
    api.openidConfiguration = { issuer: ISSUER };
    api.put(AUTHENTICATION, { data: authentication });
    return new ClusterApi(new World(worldOptionsOf(settings)), api, clock);
  }

  async started(): Promise<ClusterStarted> {
    return { kubeconfig: await this.#api.kubeconfig() };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#api.close();
  }

  async #run(from: number): Promise<void> {
    for (let tick = from; !this.#stop.signal.aborted; tick++) {
      await sleep(Math.max(0, (tick + 1) * TICK_MS - this.#clock.monotonicMs()), this.#stop.signal);
      for (const pod of this.#ending.get(tick) ?? []) this.#replace(pod);
      this.#ending.delete(tick);
      if (tick % BOOKMARKS_EVERY_TICKS === 0) this.#api.sendBookmarks();
    }
  }

  #replace(ended: SimPod): void {
    this.#api.remove(pathOf(ended));
    const { pods } = this.#world.options;
    const number = parseInt(ended.name.split('-').at(-2) ?? '', 36);
    this.#put(this.#world.podAt(ended.node, number % pods, ended.endsMs));
  }

  #put(pod: SimPod): void {
    const { uid, bornMs, endsMs, node } = pod;
    const creationTimestamp = `${new Date(this.#world.wallMs(bornMs)).toISOString().slice(0, 19)}Z`;
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'checkout-service-7d9f8b6c5', controller: true };
    this.#api.put(pathOf(pod), {
      metadata: { uid, creationTimestamp, labels: LABELS, ownerReferences: [owner] },
      spec: { nodeName: this.#world.nodeName(node) },
      status: { phase: 'Running' },
    });
    if (!Number.isFinite(endsMs)) return;
    const tick = Math.floor(endsMs / TICK_MS);
    this.#ending.set(tick, [...(this.#ending.get(tick) ?? []), pod]);
  }

  #putAgent(node: number): void {
    const { uid, ...named } = agentPodOf(node);
    const ownerReferences = [{ kind: 'DaemonSet', name: 'podnet-nodeagent', uid: 'uid-nodeagent', controller: true }];
    this.#api.put(pathOf(named), {
      metadata: { uid, creationTimestamp: '2026-01-01T00:00:00Z', ownerReferences },
      spec: { nodeName: this.#world.nodeName(node) },
      status: { phase: 'Running' },
    });
  }
}

function pathOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}
