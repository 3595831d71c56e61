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
  const isPlain = operator === '=' || /^[\w-]*$/.test(value.replace('/', ''));
  if (hasVariable(value) || name === undefined || more !== undefined || !isPlain || operator.startsWith('!')) {
    return { texts: [], why: 'network_name is two labels in podnet, nad_namespace and network: choose by those' };
  }
  return { texts: [`nad_namespace="${namespace}"`, `network="${name}"`], note: NETWORK_NOTE };
}
