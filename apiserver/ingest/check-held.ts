import { Compile } from 'typebox/compile';
import { PodReport } from '../../openapi/node-report.js';
import type { InterfaceMeta, PodMeta } from '../store/report.js';
import { isSame } from '../store/same.js';

/** A pod of which an earlier report told. All that is held of it was judged then. */
export interface HeldPod {
  readonly meta: PodMeta;
  /** By their names. */
  readonly interfaces: ReadonlyMap<string, { readonly meta: InterfaceMeta }>;
}

/** By their uids. */
export type HeldPods = ReadonlyMap<string, HeldPod>;

/** What an entry says besides, or in another form. */
const NO_META: ReadonlySet<string> = new Set(['creationTimestamp', 'interfaces', 'transport', 'skipped']);

/** Date.parse() takes more than that. */
const TIMESTAMP = Compile(PodReport.properties.creationTimestamp);

/**
 * The held pod of which an entry says what is held of it, word for word and nothing else: then it need not be judged again. Of its
 * interfaces and transport counters this tells nothing. Most entries of most reports are such ones.
 */
export function heldPodOf(entry: unknown, held: HeldPods | undefined): HeldPod | undefined {
  if (held === undefined || typeof entry !== 'object' || entry === null) return undefined;
  const { uid } = entry as { readonly uid?: unknown };
  const pod = typeof uid === 'string' ? held.get(uid) : undefined;
  return pod !== undefined && saysMeta(entry as Readonly<Record<string, unknown>>, pod.meta) ? pod : undefined;
}

function saysMeta(said: Readonly<Record<string, unknown>>, held: PodMeta): boolean {
  let more = 0;
  for (const key in held) {
    if (key === 'createdMs' || key === 'complete') continue;
    if (!isSame(held[key as keyof PodMeta], said[key])) return false;
    more++;
  }
  for (const key in said) {
    if (!NO_META.has(key)) more--;
  }
  return more === 0 && isTime(said['creationTimestamp'], held.createdMs);
}

function isTime(said: unknown, heldMs: number): boolean {
  return TIMESTAMP.Check(said) && Date.parse(said) === heldMs;
}

/** Whether an entry says of an interface what is held of it, word for word and nothing else. Of its readings this tells nothing. */
export function isHeldInterface(entry: unknown, held: HeldPod): boolean {
  if (typeof entry !== 'object' || entry === null) return false;
  const { name, readings } = entry as { readonly name?: unknown; readonly readings?: unknown };
  const meta = typeof name === 'string' ? held.interfaces.get(name)?.meta : undefined;
  return meta !== undefined && Array.isArray(readings) && isSame(meta, entry, 'readings');
}
