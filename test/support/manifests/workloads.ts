import { hostIpOf } from '../../../nodeagent/ipam/options.js';
import { nodeagentProgram, type NodeagentOptions } from '../../../nodeagent/options.js';
import { apiserverProgram, type ApiserverOptions } from '../../../apiserver/options.js';
import { parseOptions, type Invocation } from '../../../runtime/options/parse.js';
import type { OptionTable } from '../../../runtime/options/kinds.js';
import { isRecord, textsOf } from '../../../runtime/kube/objects.js';
import { at, listAt, nameOf, textAt } from '../../cluster/json.js';
import type { KubeObject } from '../kube-api/objects.js';

/** A Deployment or DaemonSet, and the pods that it makes. */
export interface Workload {
  readonly object: KubeObject;
  /** Such as `DaemonSet podnet-probe`. */
  readonly title: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly podSpec: unknown;
  /** The manifests have one in each pod. */
  readonly container: unknown;
}

/** What the arguments and the environment of a container make of the program in it. */
export type Started =
  | { readonly program: 'apiserver'; readonly options: ApiserverOptions }
  | { readonly program: 'nodeagent'; readonly options: NodeagentOptions };

/** @throws {TypeError} where one has another number of containers than one */
export function workloadsOf(objects: readonly KubeObject[]): Workload[] {
  const templates = objects.filter((object) => isRecord(at(object, 'spec', 'template', 'spec')));
  return templates.map((object) => {
    const title = `${object.kind ?? ''} ${nameOf(object)}`;
    const podSpec = at(object, 'spec', 'template', 'spec');
    const [container, ...more] = [...listAt(podSpec, 'containers'), ...listAt(podSpec, 'initContainers')];
    if (container === undefined || more.length > 0) throw new TypeError(`${title}: has not one container`);
    const labels = textsOf(at(object, 'spec', 'template', 'metadata', 'labels'));
    return { object, title, namespace: textAt(object, 'metadata', 'namespace'), labels, podSpec, container };
  });
}

/**
 * As the program itself reads them.
 * @throws {TypeError} with what it would say of them
 */
export function startedBy({ title, container }: Workload): Started {
  const [program, ...argv] = listAt(container, 'args').map(String);
  const env = environmentOf(container);
  if (program === 'apiserver') {
    return { program, options: parsed(title, parseOptions(apiserverProgram('0.0.0'), argv, env)) };
  }
  if (program !== 'nodeagent') throw new TypeError(`${title}: podnet has no command "${String(program)}"`);
  const description = nodeagentProgram('0.0.0', env['NODE_NAME'] ?? '', hostIpOf(env));
  return { program, options: parsed(title, parseOptions(description, argv, env)) };
}

function parsed<Table extends OptionTable>(title: string, invocation: Invocation<Table>) {
  if (invocation.kind === 'run') return invocation.options;
  throw new TypeError(`${title}: ${invocation.kind === 'refuse' ? invocation.errors.join('; ') : 'prints and ends'}`);
}

/** What the downward API is asked for, as a kubelet would say it. */
const DOWNWARD: Readonly<Record<string, string>> = { 'spec.nodeName': 'node-a', 'status.hostIP': '192.0.2.10' };

/** @throws {TypeError} where it is from somewhere that is not known here */
export function environmentOf(container: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    listAt(container, 'env').map((variable) => {
      const value = at(variable, 'value') ?? DOWNWARD[textAt(variable, 'valueFrom', 'fieldRef', 'fieldPath')];
      if (typeof value !== 'string') throw new TypeError(`${textAt(variable, 'name')}: not known what it is`);
      return [textAt(variable, 'name'), value];
    }),
  );
}

/**
 * Whether a label selector selects who has these labels.
 * @throws {TypeError} where it asks for something that is not known here
 */
export function isSelected(labels: Readonly<Record<string, string>>, selector: unknown): boolean {
  const isEqual = Object.entries(textsOf(at(selector, 'matchLabels'))).every(([key, value]) => labels[key] === value);
  return listAt(selector, 'matchExpressions').every((one) => isIn(labels, one)) && isEqual;
}

function isIn(labels: Readonly<Record<string, string>>, expression: unknown): boolean {
  if (textAt(expression, 'operator') !== 'In') throw new TypeError(textAt(expression, 'operator'));
  return listAt(expression, 'values').includes(labels[textAt(expression, 'key')]);
}

/** Names of the fields of what stands at a path; none where there is nothing. */
export function keysAt(value: unknown, ...path: readonly string[]): string[] {
  const found = at(value, ...path);
  return isRecord(found) ? Object.keys(found) : [];
}
