// A cluster that exists in arithmetic alone: agents of it, its API server and who checks the answers ask the same functions, in whatever process.
import { INTERFACE_COUNTERS } from '../../openapi/report-terms.js';

export interface WorldOptions {
  readonly nodes: number;
  /** Of each node. */
  readonly pods: number;
  /** Of each pod. */
  readonly interfaces: number;
  /** When it begins, on the machine's monotonic clock (CLOCK_MONOTONIC, the same in each process), milliseconds. */
  readonly startMs: number;
  /** The same moment, milliseconds since 1970. */
  readonly startWallMs: number;
  /** How long a pod lives on average until another one takes its place, milliseconds; Infinity: for ever. */
  readonly podLifeMs: number;
  /** How long an agent runs on average until it is started anew. */
  readonly agentLifeMs: number;
  /** How long a node is up on average until it is booted anew. */
  readonly bootLifeMs: number;
  /** In what time the agents are started, one after the other, milliseconds; at once where nothing is said. */
  readonly rampMs?: number;
  /** Pods of a namespace. */
  readonly namespacePods: number;
}

/** A pod from when it is made to when the next one takes its place. */
export interface SimPod {
  readonly node: number;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Milliseconds on the machine's monotonic clock; before the world began for those that were there. */
  readonly bornMs: number;
  readonly endsMs: number;
  /** Of its numbers. */
  readonly seed: number;
}

/** A node from one boot to the next. */
export interface SimBoot {
  readonly bootId: string;
  /** When the boot before it ended, on the machine's monotonic clock: from then on the node is away until it is booted. */
  readonly fromMs: number;
  readonly bootedMs: number;
  readonly endsMs: number;
  /** Milliseconds of the node's monotonic clock for one of the machine's: crystals differ. */
  readonly speed: number;
}

/** One run of an agent: it ends with its node's boot at the latest. */
export interface SimInstance {
  readonly id: string;
  /** When the one before it ended. */
  readonly fromMs: number;
  readonly startedMs: number;
  readonly endsMs: number;
}

/** A node is away for so long before it is up again. */
export const DOWN_MS = 20_000;
/** An agent that is started anew, likewise. */
export const AGENT_AWAY_MS = 2_000;
/** A crystal is off by less. */
const DRIFT = 100e-6;
const NETWORKS = ['cbr0', 'n3', 'n6', 'n9'];
/** The largest rate of each counter, per second, in the order of INTERFACE_COUNTERS: whole numbers, so that every counter is exact. */
const MOST_PER_SECOND = INTERFACE_COUNTERS.map((counter) =>
  counter.endsWith('Bytes') ? 1_000_000 : counter.endsWith('Packets') ? 1_000 : 3,
);

export class World {
  /** As last asked, by node: nearly always the one that is asked next. */
  readonly #boots: SimBoot[] = [];
  readonly #instances: SimInstance[] = [];
  /** By number of the pod, likewise. */
  readonly #pods: SimPod[] = [];

  constructor(readonly options: WorldOptions) {}

  /** As long as the names of a cloud are. */
  nodeName(node: number): string {
    return `ip-10-${node >> 8}-${node & 255}-7.eu-central-1.compute.internal`;
  }

  boot(node: number, ms: number): SimBoot {
    const known = this.#boots[node];
    if (known !== undefined && known.fromMs <= ms && ms < known.endsMs) return known;
    const { startMs, bootLifeMs } = this.options;
    const { from, to, generation } = spanAt(ms, { startMs, meanMs: bootLifeMs, seed: mix(node, 1) });
    const uptime = generation === 0 ? (mix(node, 2) % 1_000_000) * 1_000 : 0;
    const boot = {
      bootId: uuidOf(8, node, generation),
      fromMs: generation === 0 ? -Infinity : from,
      bootedMs: Math.max(from, Number.isFinite(from) ? from : startMs) - uptime + (generation === 0 ? 0 : DOWN_MS),
      endsMs: to,
      speed: 1 + ((mix(node, 3) % 2_001) / 1_000 - 1) * DRIFT,
    };
    this.#boots[node] = boot;
    return boot;
  }

  instance(node: number, ms: number): SimInstance {
    const known = this.#instances[node];
    if (known !== undefined && known.fromMs <= ms && ms < known.endsMs) return known;
    const { startMs, agentLifeMs, rampMs = 0, nodes } = this.options;
    const { from, to, generation } = spanAt(ms, { startMs, meanMs: agentLifeMs, seed: mix(node, 4) });
    const boot = this.boot(node, ms);
    const ofAgent = generation === 0 ? startMs + (rampMs * node) / nodes : from + AGENT_AWAY_MS;
    const instance = {
      id: `${boot.bootId.slice(0, 8)}${uuidOf(9, node, generation).slice(8)}`,
      fromMs: Math.max(generation === 0 ? -Infinity : from, boot.fromMs),
      startedMs: Math.max(ofAgent, boot.bootedMs + AGENT_AWAY_MS),
      endsMs: Math.min(to, boot.endsMs),
    };
    this.#instances[node] = instance;
    return instance;
  }

  /** Time of a node's monotonic clock, milliseconds since its boot. */
  nodeMs(node: number, ms: number): number {
    return this.nodeMsSince(this.boot(node, ms), ms);
  }

  /** The same of a boot, also when it is over. */
  nodeMsSince({ bootedMs, speed }: SimBoot, ms: number): number {
    return Math.round((ms - bootedMs) * speed * 1_000) / 1_000;
  }

  /** Milliseconds since 1970 at a time of the machine's monotonic clock. */
  wallMs(ms: number): number {
    return this.options.startWallMs + ms - this.options.startMs;
  }

  /** The pods of a node at a time. */
  podsOf(node: number, ms: number): SimPod[] {
    return Array.from({ length: this.options.pods }, (_, slot) => this.podAt(node, slot, ms));
  }

  podAt(node: number, slot: number, ms: number): SimPod {
    const { startMs, podLifeMs, pods, namespacePods } = this.options;
    const number = node * pods + slot;
    const known = this.#pods[number];
    if (known !== undefined && known.bornMs <= ms && ms < known.endsMs) return known;
    const { from, to, generation } = spanAt(ms, { startMs, meanMs: podLifeMs, seed: mix(number, 5) });
    const pod = {
      node,
      namespace: `team-${Math.floor(number / namespacePods)}`,
      name: `checkout-service-7d9f8b6c5-${number.toString(36).padStart(5, '0')}-${generation}`,
      uid: uuidOf(10, number, generation),
      bornMs: Math.max(from, startMs - 3_600_000),
      endsMs: to,
      seed: mix(number, 6 + generation),
    };
    this.#pods[number] = pod;
    return pod;
  }

  /** What every pod of a namespace is made from. */
  namespaces(): string[] {
    const { nodes, pods, namespacePods } = this.options;
    return Array.from({ length: Math.ceil((nodes * pods) / namespacePods) }, (_, i) => `team-${i}`);
  }

  /** The pods of a namespace at a time. */
  podsIn(namespace: string, ms: number): SimPod[] {
    const { nodes, pods, namespacePods } = this.options;
    const first = Number(namespace.slice('team-'.length)) * namespacePods;
    const end = Math.min(nodes * pods, first + namespacePods);
    return Array.from({ length: Math.max(0, end - first) }, (_, i) =>
      this.podAt(Math.floor((first + i) / pods), (first + i) % pods, ms),
    );
  }

  /** What a counter grows by in a second of its node's clock: a whole number, 0 for some. @param column of INTERFACE_COUNTERS */
  perSecond({ seed }: SimPod, iface: number, column: number): number {
    const most = MOST_PER_SECOND[column] ?? 1;
    return mix(seed, 100 + iface * INTERFACE_COUNTERS.length + column) % most;
  }

  /** What it stands at: since the pod was made, or its node booted. */
  counter(pod: SimPod, iface: number, column: number, ms: number): number {
    const { bootedMs, speed } = this.boot(pod.node, ms);
    const countedMs = (ms - Math.max(pod.bornMs, bootedMs)) * speed;
    return Math.max(0, Math.floor((this.perSecond(pod, iface, column) * countedMs) / 1_000));
  }

  /** Another one for each boot, as the inode of a namespace would be. */
  identity(pod: SimPod, iface: number, ms: number): string {
    const boot = mix(pod.seed, Math.round(this.boot(pod.node, ms).bootedMs) % 65_536);
    return `${4_026_532_000 + (boot % 1_000_000)}/${iface + 2}`;
  }

  interfaceName(iface: number): string {
    return iface === 0 ? 'eth0' : `net${iface}`;
  }

  network(iface: number): string {
    return NETWORKS[iface % NETWORKS.length] ?? '';
  }
}

interface Span {
  readonly generation: number;
  readonly from: number;
  readonly to: number;
}

/** Spans of one length one after the other, the first of them under way when the world begins; half to one and a half times the mean. */
function spanAt(
  ms: number,
  { startMs, meanMs, seed }: { readonly startMs: number; readonly meanMs: number; readonly seed: number },
): Span {
  if (!Number.isFinite(meanMs)) return { generation: 0, from: -Infinity, to: Infinity };
  const length = meanMs * (0.5 + (seed % 1_000) / 1_000);
  const firstEnd = startMs + length * ((mix(seed, 7) % 1_000) / 1_000);
  const generation = Math.max(0, Math.ceil((ms - firstEnd) / length + 1e-12));
  return { generation, from: firstEnd + (generation - 1) * length, to: firstEnd + generation * length };
}

/** A number of 32 bits that looks like chance (the finalizer of MurmurHash3). */
export function mix(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e37_79b9, 0x85eb_ca6b) ^ Math.imul(b + 1, 0xc2b2_ae35);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85eb_ca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** @param kind tells those of pods, boots and agents apart */
function uuidOf(kind: number, number: number, generation: number): string {
  const seed = mix(mix(number, kind), generation);
  // the number itself is in it: no two of a kind are alike
  const words = [(number ^ (generation << 24)) >>> 0, mix(seed, 1), mix(seed, 2), mix(seed, 3)];
  const hex = words.map((word) => word.toString(16).padStart(8, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20)].join('-');
}
