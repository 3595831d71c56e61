// Labels of predecessors in matchers and groupings, as podnet has them.
import { hasVariable } from './dashboard-variables.js';
import type { LabelChanges } from './predecessors/predecessor.js';
import type { Matcher } from './promql.js';

export interface Mapped {
  /** What comes in its place, nothing where it is left out. */
  readonly texts: readonly string[];
  /** Set where nothing says the same. */
  readonly why?: string;
  readonly note?: string;
  /** The one label that it is now. */
  readonly renamed?: string;
}

/** What interfaces are called in pods, as good as always; also as a regular expression, or anything. */
const IN_POD = /^(eth|net)\d|^\.[+*]$/;
const IN_POD_ALONE = /^(eth|net)\d/;

/** Values that no pod and no target has: none, that of the sandbox, and the cgroup of the node itself. */
const NOBODY = /^(POD|\/|\^\$|POD\||\|POD)?$/;

const NETWORK_NOTE = 'network_name is two labels: nad_namespace (empty for the network of the CNI) and network';

/** A label of `by`, `on` and the like. */
export function mapGrouping(label: string, changes: LabelChanges): Mapped {
  const change = Object.hasOwn(changes, label) ? changes[label] : undefined;
  switch (change?.kind) {
    case undefined:
    case 'target':
    case 'interface':
      return { texts: [label] };
    case 'renamed':
      return { texts: [change.to], renamed: change.to };
    case 'network':
      return { texts: ['nad_namespace', 'network'], note: NETWORK_NOTE, renamed: 'network' };
    case 'dropped':
      return { texts: [] };
    case 'lost':
      return { texts: [], why: change.why };
  }
}

/** @param text as it is written */
export function mapMatcher({ label, operator, value }: Matcher, text: string, changes: LabelChanges): Mapped {
  const change = Object.hasOwn(changes, label) ? changes[label] : undefined;
  switch (change?.kind) {
    case undefined:
      return { texts: [text] };
    case 'renamed':
      if (change.to === 'node') {
        return isIdle(operator, value)
          ? { texts: [] }
          : { texts: [], why: `chooses by ${label} of the old scrape: podnet has node` };
      }
      return { texts: [`${change.to}${text.slice(label.length)}`], renamed: change.to };
    case 'network':
      return mapNetwork(operator, value);
    case 'interface':
      return operator.startsWith('!') || IN_POD.test(value)
        ? { texts: [text] }
        : {
            texts: [],
            why: 'chooses by interface: podnet has its name in the pod, and that on the node in podnet_interface_info',
          };
    case 'dropped':
      return isIdle(operator, value)
        ? { texts: [] }
        : { texts: [], why: `chooses by ${label}, which podnet's series do not have: a pod has each interface once` };
    case 'target':
      return { texts: [], note: `${label} is that of the old scrape, and left out` };
    case 'lost':
      return { texts: [], why: change.why };
  }
}

/** Whether a matcher asks for a label of the target that was scraped, which is another one now. */
export function choosesTarget({ label, operator, value }: Matcher, changes: LabelChanges): boolean {
  const change = Object.hasOwn(changes, label) ? changes[label] : undefined;
  const isTarget = change?.kind === 'target' || (change?.kind === 'renamed' && change.to === 'node');
  return isTarget && !isIdle(operator, value);
}

/** What to write in the place of a label that goes by the target, or by an old name; undefined of others. */
export function compatLabelNeed(label: string, changes: LabelChanges): string | undefined {
  const change = Object.hasOwn(changes, label) ? changes[label] : undefined;
  if (change?.kind !== 'renamed') return undefined;
  if (change.isFormer === true) return `${label} is an old name: write ${change.to}`;
  return change.to === 'node' ? `${label} is that of the old scrape, one for each node: write node` : undefined;
}

/** What --compat has no series of, or other ones, whatever a matcher chooses by it; undefined where it works as it is. */
export function compatNeed(matcher: Matcher, changes: LabelChanges): string | undefined {
  const { label, operator, value } = matcher;
  const change = Object.hasOwn(changes, label) ? changes[label] : undefined;
  const isPositive = !operator.startsWith('!');
  switch (change?.kind) {
    case 'target':
    case 'renamed':
      if (change.kind === 'renamed' && change.isFormer === true) return `is an old name: write ${change.to}`;
      if (!choosesTarget(matcher, changes)) return undefined;
      return `chooses the old scrape: ${change.kind === 'renamed' ? 'podnet has node' : 'leave it out'}`;
    case 'dropped':
      if (!change.isServed) {
        return matchesNone(matcher) ? undefined : `chooses by a label that --compat has not, either: leave it out`;
      }
      return isPositive && (NOBODY.test(value) || value.startsWith('k8s_POD'))
        ? 'chooses the sandbox, and --compat has a container of the pod: leave it out'
        : undefined;
    case 'interface':
      return isPositive && IN_POD_ALONE.test(value)
        ? 'is a name in the pod, and --compat has that on the node (lxc…, cali…): keep the series of cAdvisor, or leave it out'
        : undefined;
    case undefined:
    case 'network':
    case 'lost':
      return undefined;
  }
}

/** Whether a series without the label is chosen. */
function matchesNone({ operator, value }: Matcher): boolean {
  if (operator === '=' || operator === '!=') return (operator === '=') === (value === '');
  try {
    return (operator === '=~') === new RegExp(`^(?:${value})$`).test('');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return false;
  }
}

/** Whether it is a label of the target that tells the node, which podnet's series have as `node`. */
export function tellsNode(label: string, changes: LabelChanges): boolean {
  const change = Object.hasOwn(changes, label) ? changes[label] : undefined;
  return change?.kind === 'renamed' && change.to === 'node';
}

/** Whether a matcher on a label that tells what container a pod's network is of chooses no pod from another. */
function isIdle(operator: Matcher['operator'], value: string): boolean {
  // Without nobody is nothing lost; without somebody is a choice like any other.
  if (operator === '!=' || operator === '!~') return NOBODY.test(value);
  if (operator === '=') return value === '' || value === 'POD';
  return value === '.+' || value === '.*' || value === '$__all' || /^(POD\|?|\|POD)$/.test(value);
}

/** `<namespace>/<name>`, or the bare name. */
function mapNetwork(operator: Matcher['operator'], value: string): Mapped {
  const [namespace = '', name, more] = value.includes('/') ? value.split('/') : ['', value];
  if (operator === '!=' && value === '') return { texts: ['network!=""'], note: NETWORK_NOTE };
  if (operator === '=~' && (value === '.+' || value === '.*')) {
    return { texts: value === '.+' ? ['network!=""'] : [], note: NETWORK_NOTE };
  }
  const isPlain = /^[\w-]*$/;
  const isName = name !== undefined && more === undefined && !operator.startsWith('!') && !hasVariable(namespace);
  if (isName && ((operator === '=' && (namespace !== '' || !hasVariable(value))) || isPlain.test(namespace + name))) {
    return { texts: [`nad_namespace="${namespace}"`, `network="${name}"`], note: NETWORK_NOTE };
  }
  // Behind a namespace that is written in full one regular expression for the name, and not half of one for both
  if (
    isName &&
    operator === '=~' &&
    namespace !== '' &&
    isPlain.test(namespace) &&
    /^([^()|]|\([^()]*\)$)*$/.test(name)
  ) {
    const chosen = name === '.*' ? [] : [`network=~"${name.replace(/[\\"]/g, '\\$&')}"`];
    return { texts: [`nad_namespace="${namespace}"`, ...chosen], note: NETWORK_NOTE };
  }
  return { texts: [], why: 'network_name is two labels in podnet, nad_namespace and network: choose by those' };
}
