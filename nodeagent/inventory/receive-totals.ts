export interface Received {
  readonly bytes: number;
  readonly packets: number;
}

/** Of a namespace that was just made. */
export const NOTHING: Received = { bytes: 0, packets: 0 };

/** All that is compared, at one time. */
export interface Totals {
  readonly atMs: number;
  /** At the IP layer, to unicast addresses. */
  readonly unicastBytes: number;
  readonly loopbackBytes: number;
  /** By name and identity. */
  readonly interfaces: ReadonlyMap<string, number>;
  /** By IP, without loopback. */
  readonly received: Received;
}

/** Before anything was counted: the growth since is that of the namespace's life. */
export const ORIGIN: Totals = { atMs: 0, unicastBytes: 0, loopbackBytes: 0, interfaces: new Map(), received: NOTHING };

/** Since an earlier time, bytes. */
export interface Growth {
  /** By interface. */
  readonly counted: ReadonlyMap<string, number>;
  readonly sum: number;
  readonly loopback: number;
  /** By IP, without loopback. */
  readonly arrived: number;
  readonly missing: number;
}

export function isKnown({ unicastBytes, received, interfaces }: Totals): boolean {
  return (
    !Number.isNaN(unicastBytes + received.bytes + received.packets) && ![...interfaces.values()].some(Number.isNaN)
  );
}

/** The same interfaces, and none has stepped back. */
export function isSuccessor(now: Totals, base: Totals): boolean {
  return (
    now.interfaces.size === base.interfaces.size &&
    [...now.interfaces].every(([key, bytes]) => bytes >= (base.interfaces.get(key) ?? Infinity)) &&
    now.loopbackBytes >= base.loopbackBytes &&
    now.unicastBytes >= base.unicastBytes
  );
}

export function growthSince(base: Totals, now: Totals, unicastBytes = now.unicastBytes): Growth {
  const counted = new Map([...now.interfaces].map(([key, bytes]) => [key, bytes - (base.interfaces.get(key) ?? 0)]));
  const sum = [...counted.values()].reduce((total, bytes) => total + bytes, 0);
  const loopback = now.loopbackBytes - base.loopbackBytes;
  const arrived = unicastBytes - base.unicastBytes - loopback;
  return { counted, sum, loopback, arrived, missing: arrived - sum };
}
