import { readFile } from 'node:fs/promises';
import type { KubeObject } from '../kube-api/objects.js';
import { renderComponents } from './render.js';

/** Components of which one at most makes sense: each says which groups are served. */
const EXCLUSIVE = /^without-/;
/** The first is not for where the second is. */
const APART = ['apiserver-host-network', 'openshift'] as const;
const AT_ONCE = 2;

/** Some components, in order, and what they give. */
export interface Combination {
  readonly components: readonly string[];
  readonly objects: readonly KubeObject[];
}

/** The components in the order in which manifests/README.md says that they are to be listed. */
export async function componentOrder(): Promise<readonly string[]> {
  const readme = await readFile('manifests/README.md', 'utf8');
  const [, list = ''] = /^components: # in this order\n((?: {2}- .*\n)+)/m.exec(readme) ?? [];
  return [...list.matchAll(/components\/([\w-]+)/g)].map(([, name = '']) => name);
}

/** The base, each component, each two that go together, and all that do, but for the first of those that do not. */
export function combinationsOf(components: readonly string[]): readonly (readonly string[])[] {
  const together = components.filter((one) => !EXCLUSIVE.test(one));
  const pairs = together
    .flatMap((one, i) => together.slice(i + 1).map((other) => [one, other]))
    .filter((pair) => !APART.every((one) => pair.includes(one)));
  const most = together.filter((one) => one !== APART[0]);
  const all = components.filter((one) => EXCLUSIVE.test(one)).map((one) => [...most, one]);
  return [[], ...components.map((one) => [one]), ...pairs, ...all];
}

/** kubectl takes a tenth of a second for each. */
export async function renderCombinations(all: readonly (readonly string[])[]): Promise<readonly Combination[]> {
  const waiting = [...all];
  const rendered: Combination[] = [];
  const work = async (): Promise<void> => {
    for (let components = waiting.shift(); components !== undefined; components = waiting.shift()) {
      rendered.push({ components, objects: await renderComponents(components) });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return rendered;
}
