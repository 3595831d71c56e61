import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { eventually } from './programs.js';

/** What a program holds after a full collection. */
export interface HeapSnapshot {
  /** All objects, and what they hold outside of the heap. */
  readonly bytes: number;
  /** By kind and, of objects, by constructor. */
  readonly bytesByName: ReadonlyMap<string, number>;
  /** All texts, the ends of very long ones left out. */
  readonly strings: readonly string[];
}

/** As V8 writes it (v8/src/profiler/heap-snapshot-generator.cc): a table of numbers, some of which are places in others. */
interface SnapshotFile {
  readonly snapshot: {
    readonly meta: { readonly node_fields: readonly string[]; readonly node_types: readonly unknown[] };
  };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}

/** What a program is to be started with, so that a snapshot of it can be taken. */
export function heapSnapshotFlags(directory: string): string[] {
  return ['--heapsnapshot-signal=SIGUSR2', `--diagnostic-dir=${directory}`];
}

/** @param directory no other program's */
export async function takeHeapSnapshot(program: ChildProcess, directory: string): Promise<HeapSnapshot> {
  program.kill('SIGUSR2');
  const read = async (): Promise<string> => {
    const [name] = (await readdir(directory)).filter((file) => file.endsWith('.heapsnapshot'));
    return name === undefined ? '' : readFile(join(directory, name), 'utf8');
  };
  const text = await eventually(read, (seen) => seen.trimEnd().endsWith(']}'), 30_000).catch((error: unknown) => {
    throw new Error('no whole heap snapshot', { cause: String(error).slice(0, 100) });
  });
  for (const file of await readdir(directory)) await rm(join(directory, file));
  return parseHeapSnapshot(text);
}

function parseHeapSnapshot(text: string): HeapSnapshot {
  const { snapshot, nodes, strings } = JSON.parse(text) as SnapshotFile;
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, name, size] = ['type', 'name', 'self_size'].map((field) => fields.indexOf(field));
  if (type === undefined || name === undefined || size === undefined) throw new TypeError(fields.join());
  const kinds = types[type] as readonly string[];
  const bytesByName = new Map<string, number>();
  let bytes = 0;
  for (let at = 0; at < nodes.length; at += fields.length) {
    const kind = kinds[nodes[at + type] ?? 0] ?? '';
    const label = kind === 'object' || kind === 'native' ? `${kind} ${strings[nodes[at + name] ?? 0] ?? ''}` : kind;
    const own = nodes[at + size] ?? 0;
    bytes += own;
    bytesByName.set(label, (bytesByName.get(label) ?? 0) + own);
  }
  return { bytes, bytesByName, strings };
}
