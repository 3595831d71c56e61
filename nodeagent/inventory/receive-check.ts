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
  /** The only interface in use does not count what the pod receives. These do, since that was found; NaN: not known now. */
  | { readonly kind: 'ip'; readonly name: string; readonly receiveBytes: number; readonly receivePackets: number }
  /** The pod receives more than its interfaces count, and these may be the cause. */
  | { readonly kind: 'unreliable'; readonly names: ReadonlySet<string> };

/** Less may be a few packets that were in flight. */
const LEAST_BYTES = 4 * 1024;
/** Of several interfaces: below this part of what they counted, it is not said to be missing. */
const LEAST_SHARE = 0.1;
/** Hardware counters are fetched from the device once in a second or two: IP must be known this long before it is compared. */
const SETTLE_MS = 5_000;
/** Growth is added up over so long: 4 KiB in it are 14 bytes a second. */
const PERIOD_MS = 300_000;

const SOUND: Verdict = { kind: 'sound' };

/** All that is compared, at one time. */
interface Totals {
  readonly atMs: number;
  /** At the IP layer, to unicast addresses. */
  readonly unicastBytes: number;
  readonly loopbackBytes: number;
  /** By name and identity. */
  readonly interfaces: ReadonlyMap<string, number>;
}

/** What raised it: IP has to receive as many bytes again, in at least the same time, with nothing missing. */
interface Doubt {
  readonly missingBytes: number;
  readonly ms: number;
  soundMs: number;
  soundBytes: number;
}

/** What stands for an interface that does not count: the growth of IP without loopback since it was found. */
interface Replacement {
  readonly interfaceKey: string;
  readonly base: { readonly bytes: number; readonly packets: number };
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
  readonly doubts: Map<string, Doubt>;
  /** Doubted and then believed again. */
  readonly rehabilitated: Set<string>;
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
 *   for its own from then on, from zero, as long as the namespace lives. Twice, because a packet of IPsec without an interface
 *   of its own is received by IP a second time when it is decrypted.
 * - Several: nobody knows which. When at least 4 KiB and more than a tenth of what they counted together is missing, those that
 *   counted less than what is missing are unreliable, until IP has received as much again as was missing, over at least as long and at
 *   least five minutes, in periods of five minutes in which nothing was. Silence ends no doubt, and a second doubt does not end.
 * - An interface that comes, goes or steps back begins a new comparison. Without IP's or loopback's counters nothing is found.
 */
export class ReceiveCheck {
  readonly #states = new Map<string, State>();

  check(reading: ReceiveReading): Verdict {
    const now = totalsOf(reading);
    let state = this.#states.get(reading.uid);
    if (state?.netns !== reading.netns) {
      if (!isKnown(now)) return SOUND;
      state = {
        ...{ netns: reading.netns, base: now, pending: undefined, replacement: undefined },
        ...{ doubts: new Map(), rehabilitated: new Set() },
      };
      this.#states.set(reading.uid, state);
    } else if (isKnown(now)) {
      advance(state, now, reading);
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

function advance(state: State, now: Totals, reading: ReceiveReading): void {
  const { base, pending } = state;
  if (!isSuccessor(now, base) || (pending !== undefined && now.unicastBytes < pending.unicastBytes)) {
    restart(state, now);
    for (const known of [state.doubts, state.rehabilitated]) {
      for (const key of known.keys()) if (!now.interfaces.has(key)) known.delete(key);
    }
  } else if (pending === undefined) {
    state.pending = now;
  } else if (now.atMs - pending.atMs >= SETTLE_MS) {
    state.pending = now;
    compare(state, { now, ipBytes: pending.unicastBytes - base.unicastBytes }, reading);
  }
}

/** The same interfaces, and none has stepped back. */
function isSuccessor(now: Totals, base: Totals): boolean {
  return (
    now.interfaces.size === base.interfaces.size &&
    [...now.interfaces].every(([key, bytes]) => bytes >= (base.interfaces.get(key) ?? Infinity)) &&
    now.loopbackBytes >= base.loopbackBytes &&
    now.unicastBytes >= base.unicastBytes
  );
}

function restart(state: State, base: Totals): void {
  state.base = base;
  state.pending = undefined;
}

function compare(
  state: State,
  { now, ipBytes }: { readonly now: Totals; readonly ipBytes: number },
  reading: ReceiveReading,
): void {
  const { base } = state;
  const counted = new Map([...now.interfaces].map(([key, bytes]) => [key, bytes - (base.interfaces.get(key) ?? 0)]));
  const sum = [...counted.values()].reduce((total, bytes) => total + bytes, 0);
  const arrived = ipBytes - (now.loopbackBytes - base.loopbackBytes);
  const missing = arrived - sum;
  const ms = now.atMs - base.atMs;
  const [only, ...others] = inUse(reading);
  if (only !== undefined && others.length === 0) {
    if (missing >= LEAST_BYTES && missing >= sum) state.replacement ??= replace(only, reading);
  } else if (
    missing >= LEAST_BYTES &&
    missing > sum * LEAST_SHARE &&
    !counted.has(state.replacement?.interfaceKey ?? '')
  ) {
    for (const [key, bytes] of counted) if (bytes < missing) doubt(state, key, { missingBytes: missing, ms });
    restart(state, now);
    return;
  }
  if (ms < PERIOD_MS) return;
  restart(state, now);
  for (const [key, known] of state.doubts) believe(state, key, { known, ms, bytes: arrived });
}

function replace(only: ReceivingInterface, reading: ReceiveReading): Replacement {
  return { interfaceKey: keyOf(only), base: withoutLoopback(reading), bytes: 0, packets: 0 };
}

function doubt(state: State, key: string, { missingBytes, ms }: Pick<Doubt, 'missingBytes' | 'ms'>): void {
  const before = state.doubts.get(key);
  const most = state.rehabilitated.has(key) ? Infinity : Math.max(missingBytes, before?.missingBytes ?? 0);
  state.doubts.set(key, { missingBytes: most, ms: Math.max(ms, before?.ms ?? 0), soundMs: 0, soundBytes: 0 });
}

function believe(
  state: State,
  key: string,
  { known, ms, bytes }: { readonly known: Doubt; readonly ms: number; readonly bytes: number },
): void {
  known.soundMs += ms;
  known.soundBytes += Math.max(0, bytes);
  if (known.soundMs < Math.max(known.ms, PERIOD_MS) || known.soundBytes < known.missingBytes) return;
  state.doubts.delete(key);
  state.rehabilitated.add(key);
}

function verdictOf({ replacement, doubts }: State, reading: ReceiveReading): Verdict {
  const [only, ...others] = inUse(reading);
  if (replacement !== undefined && only !== undefined && others.length === 0) {
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
  const isDoubted = (one: ReceivingInterface): boolean =>
    doubts.has(keyOf(one)) || replacement?.interfaceKey === keyOf(one);
  const names = reading.interfaces.filter(isDoubted).map(({ name }) => name);
  return names.length === 0 ? SOUND : { kind: 'unreliable', names: new Set(names) };
}

/** Where none ever counted anything, each may be the one. */
function inUse({ interfaces }: ReceiveReading): readonly ReceivingInterface[] {
  const used = interfaces.filter(({ isUsed }) => isUsed);
  return used.length > 0 ? used : interfaces;
}

function withoutLoopback({ ip, loopback }: ReceiveReading): { readonly bytes: number; readonly packets: number } {
  return { bytes: ip.bytes - loopback.bytes, packets: ip.packets - loopback.packets };
}

function highest(before: number, now: number): number {
  return Number.isNaN(now) ? before : Math.max(before, now);
}

function totalsOf({ atMs, ip, loopback, interfaces }: ReceiveReading): Totals {
  return {
    atMs,
    unicastBytes: ip.bytes - ip.groupBytes,
    loopbackBytes: loopback.bytes,
    interfaces: new Map(interfaces.map((one) => [keyOf(one), one.receiveBytes])),
  };
}

function isKnown({ unicastBytes, loopbackBytes, interfaces }: Totals): boolean {
  return !Number.isNaN(unicastBytes + loopbackBytes) && ![...interfaces.values()].some(Number.isNaN);
}

function keyOf({ name, identity }: ReceivingInterface): string {
  return `${name} ${identity}`;
}
