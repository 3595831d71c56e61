import type { Attributes } from '../../../apiserver/auth/attributes.js';
import { at, listAt, nameOf, textAt } from '../../cluster/json.js';
import type { KubeObject } from '../kube-api/objects.js';
import { isAllowed, type AskedFor } from '../kube-cluster/rbac.js';
import { pathOfRight } from './granted.js';

type Rule = Readonly<Record<string, unknown>>;

/** All that was asked for, each once. */
export class Asked {
  readonly #all = new Map<string, AskedFor>();

  readonly note = ({ by, user: { name, groups }, attributes: given, isAllowed: mayHave }: AskedFor): void => {
    const asked = { by, user: { name, groups, extra: {} }, attributes: withoutSelector(given), isAllowed: mayHave };
    this.#all.set(JSON.stringify(asked), asked);
  };

  list(): readonly AskedFor[] {
    return [...this.#all.values()];
  }

  /** Whether somebody asked for something, such as `update coordination.k8s.io/leases/x in y`. */
  has(user: string, what: string): boolean {
    return this.list().some((one) => one.user.name === user && described(one.attributes) === what);
  }
}

/** RBAC does not look at selectors. */
function withoutSelector(attributes: Attributes): Attributes {
  if (!('resourceAttributes' in attributes)) return attributes;
  const { labelSelector: _, ...rest } = attributes.resourceAttributes;
  return { resourceAttributes: rest };
}

/** Such as `get apiregistration.k8s.io/apiservices/v1alpha1.podnet.dev`, `list pods in shop` or `get /metrics`. */
export function described(attributes: Attributes): string {
  if ('nonResourceAttributes' in attributes) {
    const { verb, path } = attributes.nonResourceAttributes;
    return `${verb} ${path}`;
  }
  const { verb, group, resource, subresource, name, namespace } = attributes.resourceAttributes;
  const parts = [group, resource, name, subresource].filter((part) => part !== undefined);
  return `${verb} ${parts.join('/')}${namespace === undefined ? '' : ` in ${namespace}`}`;
}

/** What these users asked for and were not allowed. */
export function denied(asked: readonly AskedFor[], users: readonly string[]): string[] {
  return titlesOf(asked.filter((one) => !one.isAllowed && users.includes(one.user.name)));
}

/** What these roles and bindings, by their paths, would not allow. */
export function refused(objects: ReadonlyMap<string, unknown>, asked: readonly AskedFor[]): string[] {
  return titlesOf(asked.filter(({ user, attributes }) => !isAllowed({ objects }, user, attributes)));
}

function titlesOf(asked: readonly AskedFor[]): string[] {
  return asked.map(({ user, attributes }) => `${user.name}: ${described(attributes)}`);
}

/**
 * Which of the rights could be taken away, one at a time, and all that these rights allow of what was asked for would still be allowed: of a
 * binding a subject, of a rule one verb on one resource or path, by one name where it has names. That is finer than a rule: if none of it can
 * go, no rule can.
 * @param rest what the cluster has of roles and bindings besides
 */
export function needless(
  rights: readonly KubeObject[],
  rest: ReadonlyMap<string, unknown>,
  asked: readonly AskedFor[],
): string[] {
  const whole = new Map<string, unknown>([...rest, ...rights.map((right) => [pathOfRight(right), right] as const)]);
  const allowed = asked.filter(({ user, attributes }) => isAllowed({ objects: whole }, user, attributes));
  return rights.flatMap((right) => {
    const path = pathOfRight(right);
    const isNeedless = (without: object): boolean =>
      refused(new Map([...whole, [path, without]]), allowed).length === 0;
    const subjects = listAt(right, 'subjects');
    const atoms = listAt(right, 'rules').flatMap(atomsOf);
    return [
      ...subjects
        .filter((subject) => isNeedless({ ...right, subjects: subjects.filter((one) => one !== subject) }))
        .map((subject) => titleOfSubject(right, subject)),
      ...atoms
        .filter((atom) => isNeedless({ ...right, rules: atoms.filter((one) => one !== atom) }))
        .map((atom) => titleOfAtom(right, atom)),
    ];
  });
}

/** All that rights grant, each thing apart and by its name. */
export function titlesOfRights(rights: readonly KubeObject[]): string[] {
  return rights.flatMap((right) => [
    ...listAt(right, 'subjects').map((subject) => titleOfSubject(right, subject)),
    ...listAt(right, 'rules')
      .flatMap(atomsOf)
      .map((atom) => titleOfAtom(right, atom)),
  ]);
}

function titleOfSubject({ kind = '', ...right }: KubeObject, subject: unknown): string {
  return `${kind} ${nameOf(right)}: to ${textAt(subject, 'namespace')}/${textAt(subject, 'name')}`;
}

/** A rule as rules that allow one thing each, and together the same. */
function atomsOf(rule: unknown): Rule[] {
  const [verbs, groups, resources, names, urls] = [
    'verbs',
    'apiGroups',
    'resources',
    'resourceNames',
    'nonResourceURLs',
  ]
    .map((key) => listAt(rule, key))
    .map((all) => all.map((one) => [one]));
  const each = (key: string, values: unknown[][] = []) => values.map((value) => ({ [key]: value }));
  const named = at(rule, 'resourceNames') === undefined ? [{}] : each('resourceNames', names);
  const ofResources = each('apiGroups', groups).flatMap((group) =>
    each('resources', resources).flatMap((resource) => named.map((name) => ({ ...group, ...resource, ...name }))),
  );
  return [...ofResources, ...each('nonResourceURLs', urls)].flatMap((one) =>
    each('verbs', verbs).map((verb) => ({ ...verb, ...one })),
  );
}

function titleOfAtom({ kind = '', ...right }: KubeObject, atom: Rule): string {
  const of = (key: string): string => textAt(atom, key, 0);
  const resource = ['apiGroups', 'resources', 'resourceNames'].map(of).filter((part) => part !== '');
  return `${kind} ${nameOf(right)}: ${of('verbs')} ${resource.join('/')}${of('nonResourceURLs')}`;
}
