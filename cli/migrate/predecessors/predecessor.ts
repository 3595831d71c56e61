// What is known of a predecessor's series, as data: what they are in podnet, and what was wrong with expressions over them.
import type { CompatName } from '../../../metrics/compat/compat.js';
import type { Use } from '../use.js';

/** What becomes of a label of theirs in an expression over podnet's families. One that is not named is the same. */
export type LabelChange =
  | {
      readonly kind: 'renamed';
      readonly to: string;
      /** What cAdvisor called it long ago: --compat has the new name, too. */
      readonly isFormer?: true;
    }
  /** `<namespace>/<name>` of a network, or the bare name: `nad_namespace` and `network`. */
  | { readonly kind: 'network' }
  /** Told series of one pod apart that podnet has once: left out. A matcher that chose by it cannot be. Some are there with --compat. */
  | { readonly kind: 'dropped'; readonly isServed: boolean }
  /** The name of an interface on the node, or in the pod: podnet has the latter. */
  | { readonly kind: 'interface' }
  /** Of the scraped target: left out, and said. */
  | { readonly kind: 'target' }
  /** Podnet has nothing that says the same. */
  | { readonly kind: 'lost'; readonly why: string };
export type LabelChanges = Readonly<Record<string, LabelChange>>;

export interface Replacement {
  /** Series of podnet; empty where `where` has the name. */
  readonly name: string;
  /** The same where an info of the predecessor had been joined, which left only series of pods. */
  readonly joined?: string;
  /** The same where it stands alone, neither added up nor chosen by a label: it was a total of the cluster. */
  readonly total?: string;
  /** Matchers that make it the same. */
  readonly where?: readonly string[];
  /** Labels that theirs has, by names of podnet: podnet's series are more, and added up by these the same. */
  readonly sumBy?: readonly string[];
  /** What a value of podnet's is multiplied by to be in their unit. */
  readonly scale?: number;
  /** It counts the traffic of interfaces, of which some are stacked on others. */
  readonly isOfInterfaces?: boolean;
}

/** A series name of a predecessor. */
export interface OldFamily {
  readonly name: string;
  /** Undefined where podnet has nothing of the kind. */
  readonly ours?: Replacement;
  readonly labels: LabelChanges;
  /** Of a family that is joined for its labels. */
  readonly info?: Info;
  /** Recorded by rules of the predecessor: --compat serves it, and the rule goes. */
  readonly isRecorded?: boolean;
  /** Whatever else one has to know who writes podnet's name in its place. */
  readonly note?: string;
}

export interface Info {
  /** Of every series. */
  readonly value: 0 | 1;
  /** Labels that the joined series get where nobody lists them (group_right). */
  readonly gives: readonly string[];
  /** Labels that a join has to be on for one info to be of one series. */
  readonly keys: readonly string[];
  /** Its `interface` is the name on the node. */
  readonly isOfHost?: boolean;
}

/** A family of somebody else that was joined for labels which podnet's series have. */
export interface ForeignInfo {
  readonly name: string;
  /** To which family of the predecessor. */
  readonly of: string;
  readonly on: readonly string[];
  readonly gives: readonly string[];
}

/** What was wrong with an expression. */
export interface Fact {
  readonly applies: (use: Use) => boolean;
  readonly wrong: string;
  /** What has to be done with --compat, too. */
  readonly needs?: string;
  /** With --compat as it stands, the expression fails or does not say what it seems to. */
  readonly isBroken?: boolean;
}

export interface Predecessor {
  readonly name: CompatName;
  readonly families: readonly OldFamily[];
  readonly foreignInfos?: readonly ForeignInfo[];
  readonly facts: readonly Fact[];
  /** With --compat its series are those of agents, each a target of its own; others come from the apiserver, for all nodes. */
  readonly isOfAgents?: boolean;
}

/** Of the target that was scraped, whatever the predecessor. */
export const TARGET_LABELS: LabelChanges = Object.fromEntries(
  ['job', 'service', 'endpoint', 'metrics_path', 'prometheus'].map((label) => [label, { kind: 'target' }]),
);

/** Of an exporter on every node, the series of which have no pod of their own: the target tells the node. */
export const AGENT_TARGET_LABELS: LabelChanges = {
  ...TARGET_LABELS,
  instance: { kind: 'renamed', to: 'node' },
  pod: { kind: 'renamed', to: 'node' },
  ...Object.fromEntries(['namespace', 'container', 'app'].map((label) => [label, { kind: 'target' }])),
};
