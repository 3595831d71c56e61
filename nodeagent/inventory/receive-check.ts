import { ReceiveDoubts } from './receive-doubts.js';
import {
  growthSince,
  isKnown,
  isSuccessor,
  NOTHING,
  ORIGIN,
  type Growth,
  type Received,
  type Totals,
} from './receive-totals.js';

/** What the IP layer of a network namespace has received since it was made, both versions together, loopback included. NaN: not known. */
export interface IpReceived {
  readonly bytes: number;
  /** Those of them to multicast and broadcast addresses: what a pod sends there itself may come back without any interface counting it. */
  readonly groupBytes: number;
  readonly packets: number;
}

/** Receive counters as one sweep found them. The interfaces are to be read before the IP layer. */
export interface ReceiveReading {
  readonly uid: string;
  readonly netns: string;
  /** Monotonic, milliseconds. */
  readonly atMs: number;
  /** All but loopback. */
  readonly interfaces: readonly ReceivingInterface[];
  /** Of loopback; it counts the bytes of IP packets, without a link header. */
  readonly loopback: { readonly bytes: number; readonly packets: number };
  readonly ip: IpReceived;
}

export interface ReceivingInterface {
  readonly name: string;
  /** Another one is another counter. */
  readonly identity: string;
  readonly receiveBytes: number;
  /** Whether it ever counted anything: the tunnels that the kernel puts into each namespace (tunl0, sit0) never do. */
  readonly isUsed: boolean;
}

export type Verdict =
  | { readonly kind: 'sound' }
  /** The only interface in use does not count what the pod receives. These do, see ReceiveCheck for since when; NaN: not known now. */
  | { readonly kind: 'ip'; readonly name: string; readonly receiveBytes: number; readonly receivePackets: number }
  /** The pod receives more than its interfaces count, and these may be the cause. */
  | { readonly kind: 'unreliable'; readonly names: ReadonlySet<string> };

/** Less may be a few packets that were in flight. */
const LEAST_BYTES = 4 * 1024;
/** Below this part of what was counted, it is not said to be missing. */
const LEAST_SHARE = 0.1;
/** Hardware counters are fetched from the device once in a second or two: IP must be known this long before it is compared. */
const SETTLE_MS = 5_000;
/** Growth is added up over so long: 4 KiB in it are 14 bytes a second. */
const PERIOD_MS = 300_000;

const SOUND: Verdict = { kind: 'sound' };

/** What stands for an interface that does not count: the growth of IP without loopback since its own count was last told. */
interface Replacement extends Received {
  readonly interfaceKey: string;
  readonly base: Received;
  /** Loopback was read a moment before IP; without the highest so far its traffic in between would make the counter step back. */
  bytes: number;
  packets: number;
}

interface State {
  readonly netns: string;
  base: Totals;
  /** IP of an earlier sweep, until it is old enough. */
  pending: Totals | undefined;
  replacement: Replacement | undefined;
  /** What IP had received when the interfaces were last believed. */
  told: Received | undefined;
  /** Not believed until the comparison decides. */
  undecided: readonly string[];
  readonly doubts: ReceiveDoubts;
}

/**
 * Finds pods whose interfaces do not count what they receive. Under eBPF host routing (bpf_redirect_peer, which Cilium uses) kernels
 * before 6.7 put packets behind the receive counters of the pod's veth (commit 024ee930cb3c; cilium/cilium#21496): the pod only seems to
 * send. The IP layer of its namespace counts them all the same. It cannot have received more than the interfaces and loopback did, for
 * those count link headers, ARP and encapsulation besides.
 *
 * - Compared is the growth of bytes to unicast addresses at the IP layer, less loopback's, with that of all interfaces, since a
 *   baseline of at most five minutes ago. IP's are those of a sweep at least five seconds before the interfaces', and the baseline's
 *   were read after its interfaces: what arrives in between makes the interfaces look better, never worse.
 * - One interface in use: it does not count when at least 4 KiB, and at least as much as it did count, are missing. IP's counters stand
 *   for its own from then on, as long as the namespace lives. Twice, because a packet of IPsec without an interface of its own is
 *   received by IP a second time when it is decrypted. They begin with what IP received since the interface's count was last told, or
 *   since the namespace was made in the place of another; else, as after a restart, with zero.
 * - Several: nobody knows which. When at least 4 KiB and more than a tenth of what they counted together is missing, those that
 *   counted less than what is missing are unreliable, until IP has received as much again as was missing, over at least as long and at
 *   least five minutes, in periods of five minutes in which nothing was. Silence ends no doubt, and a second doubt does not end.
 * - Deciding takes two sweeps. Those that look like it by the newest counters of IP already (in the first sweep: by all that was ever
 *   received) are unreliable for that sweep, rather than told too small. A burst between two files looks the same, so at least 4 KiB
 *   and a tenth of all that interfaces and loopback counted must be missing of the namespace's life as well. Where that is so for
 *   another reason (an interface was removed, and its count with it) an agent's first sweep is lost. An idle pod misses nothing, and is
 *   believed.
 * - An interface that comes, goes or steps back begins a new comparison. Without IP's or loopback's counters nothing is found.
 */
export class ReceiveCheck {
  readonly #states = new Map<string, State>();

  check(reading: ReceiveReading): Verdict {
    const now = totalsOf(reading);
    let state = this.#states.get(reading.uid);
    if (state?.netns === reading.netns) {
      if (isKnown(now)) advance(state, now, reading);
      else if (state.undecided.length === 0) state.told = undefined;
    } else if (isKnown(now)) {
      state = begin(reading, now, state === undefined ? undefined : NOTHING);
      this.#states.set(reading.uid, state);
    } else {
      this.#states.delete(reading.uid);
      return SOUND;
    }
    return verdictOf(state, reading);
  }

  /** Forgets the pods that are not among these. */
  keepOnly(uids: ReadonlySet<string>): void {
    for (const uid of this.#states.keys()) {
      if (!uids.has(uid)) this.#states.delete(uid);
    }
  }
}

function begin(reading: ReceiveReading, now: Totals, told: Received | undefined): State {
  const undecided = suspects(growthSince(ORIGIN, now), growthSince(ORIGIN, now), reading);
  return {
    ...{ netns: reading.netns, base: now, pending: undefined, replacement: undefined, undecided },
    ...{ told: undecided.length === 0 ? now.received : told, doubts: new ReceiveDoubts() },
  };
}

function advance(state: State, now: Totals, reading: ReceiveReading): void {
  const { base, pending } = state;
  const isComparable = isSuccessor(now, base) && (pending === undefined || now.unicastBytes >= pending.unicastBytes);
  state.undecided = isComparable ? suspects(growthSince(ORIGIN, now), growthSince(base, now), reading) : [];
  if (!isComparable) {
    restart(state, now);
    state.doubts.keepOnly(now.interfaces);
  } else if (pending === undefined) {
    state.pending = now;
  } else if (now.atMs - pending.atMs >= SETTLE_MS) {
    state.pending = now;
    compare(state, { now, growth: growthSince(base, now, pending.unicastBytes) }, reading);
  }
  if (state.undecided.length === 0) state.told = now.received;
}

function restart(state: State, base: Totals): void {
  state.base = base;
  state.pending = undefined;
}

/** By counters of which IP's were read last: traffic of loopback in between seems to be missing too. */
function suspects(life: Growth, recent: Growth, reading: ReceiveReading): string[] {
  const isMissed = ({ missing, sum, loopback }: Growth): boolean => missing > (sum + loopback) * LEAST_SHARE;
  return isMissed(life) && isMissed(recent) && life.missing >= LEAST_BYTES ? causesOf(recent, reading) : [];
}

/** The interfaces that may have counted too little. */
function causesOf({ counted, sum, missing }: Growth, reading: ReceiveReading): string[] {
  if (missing < LEAST_BYTES) return [];
  const only = onlyInUse(reading);
  if (only !== undefined) return missing >= sum ? [keyOf(only)] : [];
  return missing > sum * LEAST_SHARE ? [...counted].flatMap(([key, bytes]) => (bytes < missing ? [key] : [])) : [];
}

function compare(
  state: State,
  { now, growth }: { readonly now: Totals; readonly growth: Growth },
  reading: ReceiveReading,
): void {
  const ms = now.atMs - state.base.atMs;
  const causes = causesOf(growth, reading);
  if (onlyInUse(reading) !== undefined) {
    for (const interfaceKey of causes) {
      state.replacement ??= { interfaceKey, base: state.told ?? now.received, ...NOTHING };
    }
  } else if (causes.length > 0 && !growth.counted.has(state.replacement?.interfaceKey ?? '')) {
    for (const key of causes) state.doubts.raise(key, { missingBytes: growth.missing, ms });
    restart(state, now);
    return;
  }
  if (ms < PERIOD_MS) return;
  restart(state, now);
  state.doubts.appease({ ms, bytes: growth.arrived });
}

/**
 * What IP receives while several interfaces are in use is not that of one: the replacement stands still meanwhile. Of another interface
 * it begins anew.
 */
function follow(state: State, reading: ReceiveReading): Replacement | undefined {
  const { replacement } = state;
  const only = onlyInUse(reading);
  const received = withoutLoopback(reading);
  if (replacement === undefined || Number.isNaN(received.bytes + received.packets)) return replacement;
  if (only === undefined) {
    const { interfaceKey, bytes, packets } = replacement;
    const base = { bytes: received.bytes - bytes, packets: received.packets - packets };
    state.replacement = { interfaceKey, base, bytes, packets };
  } else if (keyOf(only) !== replacement.interfaceKey) {
    state.replacement = { interfaceKey: keyOf(only), base: received, ...NOTHING };
  }
  return state.replacement;
}

function verdictOf(state: State, reading: ReceiveReading): Verdict {
  const { undecided, doubts } = state;
  const replacement = follow(state, reading);
  const only = onlyInUse(reading);
  if (replacement !== undefined && only !== undefined) {
    const { bytes, packets } = withoutLoopback(reading);
    replacement.bytes = highest(replacement.bytes, bytes - replacement.base.bytes);
    replacement.packets = highest(replacement.packets, packets - replacement.base.packets);
    const isRead = !Number.isNaN(bytes + packets);
    return {
      ...{ kind: 'ip', name: only.name },
      receiveBytes: isRead ? replacement.bytes : NaN,
      receivePackets: isRead ? replacement.packets : NaN,
    };
  }
  const isDoubted = (key: string): boolean =>
    doubts.has(key) || undecided.includes(key) || replacement?.interfaceKey === key;
  const names = reading.interfaces.filter((one) => isDoubted(keyOf(one))).map(({ name }) => name);
  return names.length === 0 ? SOUND : { kind: 'unreliable', names: new Set(names) };
}

/** The only interface in use; where none ever counted anything, each may be the one. */
function onlyInUse({ interfaces }: ReceiveReading): ReceivingInterface | undefined {
  const used = interfaces.filter(({ isUsed }) => isUsed);
  const [only, ...others] = used.length > 0 ? used : interfaces;
  return others.length === 0 ? only : undefined;
}

function withoutLoopback({ ip, loopback }: ReceiveReading): Received {
  return { bytes: ip.bytes - loopback.bytes, packets: ip.packets - loopback.packets };
}

function highest(before: number, now: number): number {
  return Number.isNaN(now) ? before : Math.max(before, now);
}

function totalsOf(reading: ReceiveReading): Totals {
  const { atMs, ip, loopback, interfaces } = reading;
  return {
    atMs,
    unicastBytes: ip.bytes - ip.groupBytes,
    loopbackBytes: loopback.bytes,
    interfaces: new Map(interfaces.map((one) => [keyOf(one), one.receiveBytes])),
    received: withoutLoopback(reading),
  };
}

function keyOf({ name, identity }: ReceivingInterface): string {
  return `${name} ${identity}`;
}
