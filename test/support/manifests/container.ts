import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { at, listAt, textAt } from '../../cluster/json.js';
import { keysAt, environmentOf, type Workload } from './workloads.js';

/** What a Secret or a ConfigMap of the namespace has; undefined: there is none. */
export type ReadData = (kind: 'Secret' | 'ConfigMap', name: string) => Readonly<Record<string, string>> | undefined;

/** What the program of a container is started with, and what is run beside it is too. */
export interface Container {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * A container as a kubelet makes it, with its volumes in a directory of this machine: paths below them that its arguments and its environment name
 * are paths there.
 * @throws {TypeError} where the pod would wait for a volume for ever
 */
export async function makeContainer(workload: Workload, read: ReadData, root: string): Promise<Container> {
  const { container, podSpec } = workload;
  const moved = new Map<string, string>();
  for (const mount of listAt(container, 'volumeMounts')) {
    const volume = listAt(podSpec, 'volumes').find((one) => textAt(one, 'name') === textAt(mount, 'name'));
    const mountPath = textAt(mount, 'mountPath');
    const files = filesOf(volume, read);
    for (const [name, text] of Object.entries(files ?? {})) {
      const path = join(root, mountPath, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
    moved.set(mountPath, files === undefined ? textAt(volume, 'hostPath', 'path') : join(root, mountPath));
  }
  const here = (text: string): string => {
    const [from, to] = [...moved].find(([mountPath]) => `${text}/`.startsWith(`${mountPath}/`)) ?? ['', ''];
    return `${to}${text.slice(from.length)}`;
  };
  return {
    argv: listAt(container, 'args').map((one) => String(one).replace(/(?<==)\/.*$/, here)),
    env: Object.fromEntries(Object.entries(environmentOf(container)).map(([name, value]) => [name, here(value)])),
  };
}

/** @returns undefined for a directory of the node */
function filesOf(volume: unknown, read: ReadData): Readonly<Record<string, string>> | undefined {
  if (at(volume, 'hostPath') !== undefined) return undefined;
  if (at(volume, 'projected') !== undefined) return {}; // the token, which a test issues
  const kind = at(volume, 'secret') === undefined ? 'ConfigMap' : 'Secret';
  const [source, nameKey] = kind === 'Secret' ? (['secret', 'secretName'] as const) : (['configMap', 'name'] as const);
  const name = textAt(volume, source, nameKey);
  const isOptional = at(volume, source, 'optional') === true;
  const data = read(kind, name);
  if (data === undefined && !isOptional) throw new TypeError(`there is no ${kind} ${name}`);
  const items = listAt(volume, source, 'items').map((item) => [textAt(item, 'key'), textAt(item, 'path')] as const);
  const wanted = items.length > 0 ? items : keysAt(data).map((key) => [key, key] as const);
  const missing = wanted.filter(([key]) => data?.[key] === undefined);
  if (missing.length > 0 && !isOptional) throw new TypeError(`${kind} ${name} has no ${missing.join()}`);
  const found = wanted.flatMap(([key, path]) => (data?.[key] === undefined ? [] : [[path, data[key]] as const]));
  return Object.fromEntries(found);
}
