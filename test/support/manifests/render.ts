import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isRecord } from '../../../runtime/kube/objects.js';
import { run } from '../bundle.js';
import type { KubeObject } from '../kube-api/objects.js';

export const MANIFESTS = 'manifests';

/**
 * What a kustomization of somebody's own gives, over the base and with components of manifests/components, in this order.
 * @param more what else is in it
 */
export async function renderComponents(
  components: readonly string[],
  more: object = {},
): Promise<readonly KubeObject[]> {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-kustomization-'));
  const pathOf = (inManifests: string): string => relative(directory, resolve(MANIFESTS, inManifests));
  const kustomization = {
    ...{ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources: [pathOf('base')] },
    components: components.map((name) => pathOf(`components/${name}`)),
    ...more,
  };
  try {
    await writeFile(join(directory, 'kustomization.yaml'), JSON.stringify(kustomization)); // JSON is YAML
    return await renderKustomization(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/**
 * What `kubectl apply -k` applies.
 * @throws {Error} with what kubectl says
 */
export async function renderKustomization(directory: string): Promise<readonly KubeObject[]> {
  const kubectl = run('kubectl', ['kustomize', directory]);
  if ((await kubectl.ended) !== 0) throw new Error(`kubectl kustomize ${directory}: ${kubectl.error()}`);
  return parseObjects(kubectl.out());
}

/** The objects of a file, such as an example. */
export async function readObjects(file: string): Promise<readonly KubeObject[]> {
  return parseObjects(await readFile(file, 'utf8'));
}

/** @throws {Error} where it is not YAML, or something in it is no object */
export function parseObjects(yaml: string): readonly KubeObject[] {
  // as Kubernetes reads it: 0440 is octal
  return parseAllDocuments(yaml, { version: '1.1' }).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const value: unknown = document.toJS();
    if (value === null) return []; // between two separators, or after the last
    if (!isRecord(value)) throw new TypeError(`not an object: ${JSON.stringify(value)}`);
    const { metadata, ...rest } = value;
    return [{ ...rest, ...(isRecord(metadata) && { metadata }) }];
  });
}
