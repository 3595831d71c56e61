import type { Datum } from './sink.js';
import { DATUM_NAMES } from './sampler.js';

/**
 * A place in the order in which values are published: by time, then as DATUM_NAMES. It says of every value whether it comes before,
 * also of one that this replica does not have; a number of values or batches could not, because replicas know different ones.
 */
export interface Position {
  readonly timestampMs: number;
  /** In DATUM_NAMES. */
  readonly index: number;
}

export const BEFORE_ALL: Position = { timestampMs: -Infinity, index: -1 };

const RENDERED = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\/([A-Za-z0-9]{1,64})$/;

export function positionOf({ timestampMs, name }: Datum): Position {
  return { timestampMs, index: DATUM_NAMES.indexOf(name) };
}

export function isAfter(one: Position, other: Position): boolean {
  return one.timestampMs === other.timestampMs ? one.index > other.index : one.timestampMs > other.timestampMs;
}

export function later(one: Position, other: Position): Position {
  return isAfter(one, other) ? one : other;
}

/** Such as `2026-11-21T00:00:30.000Z/addReqCount`; empty for BEFORE_ALL. */
export function renderPosition({ timestampMs, index }: Position): string {
  const name = DATUM_NAMES[index] ?? DATUM_NAMES.at(-1) ?? '';
  return timestampMs === -Infinity ? '' : `${new Date(timestampMs).toISOString()}/${name}`;
}

/**
 * A name that is not known here (another version wrote it) stands for all values of its time: rather some are left out than sent twice.
 * @returns undefined for what is no position
 */
export function parsePosition(text: string): Position | undefined {
  if (text === '') return BEFORE_ALL;
  const [, time, name] = RENDERED.exec(text) ?? [];
  if (time === undefined || name === undefined) return undefined;
  const timestampMs = Date.parse(time);
  const index = DATUM_NAMES.indexOf(name);
  if (Number.isNaN(timestampMs)) return undefined;
  return { timestampMs, index: index === -1 ? DATUM_NAMES.length - 1 : index };
}
