import type { DeviceCounters } from './device.js';

const U64_MAX = 2n ** 64n - 1n;
/** 20 digits are those of a u64. */
const IS_DECIMAL = /^[0-9]{1,20}$/;

/** Counters in decimal digits, exact. */
export function toRaw(counters: DeviceCounters): Record<string, string> {
  return Object.fromEntries([...counters].map(([key, value]) => [key, String(value)]));
}

/** @returns undefined where one of them is no u64 in decimal digits */
export function parseRaw(raw: Readonly<Record<string, string>>): Map<string, bigint> | undefined {
  const parsed = new Map<string, bigint>();
  for (const [key, digits] of Object.entries(raw)) {
    const value = IS_DECIMAL.test(digits) ? BigInt(digits) : -1n;
    if (value < 0n || value > U64_MAX) return undefined;
    parsed.set(key, value);
  }
  return parsed;
}

export function toCounts(figures: DeviceCounters, isWanted: (key: string) => boolean): Record<string, number> {
  return Object.fromEntries([...figures].flatMap(([key, value]) => (isWanted(key) ? [[key, toDouble(value)]] : [])));
}

/** @returns undefined where one of them is no count */
export function parseCounts(counts: Readonly<Record<string, number>>): Map<string, bigint> | undefined {
  const parsed = new Map<string, bigint>();
  for (const [key, value] of Object.entries(counts)) {
    if (!Number.isInteger(value) || value < 0 || value > Number(U64_MAX)) return undefined;
    parsed.set(key, BigInt(value));
  }
  return parsed;
}

/** The highest double that is not above it. */
function toDouble(value: bigint): number {
  const excess = value.toString(2).length - 53; // bits that a double does not hold
  return Number(excess <= 0 ? value : (value >> BigInt(excess)) << BigInt(excess));
}
