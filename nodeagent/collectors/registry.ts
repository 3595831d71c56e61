import { toggle, type Option } from '../../runtime/options/kinds.js';
import type { Collector, CollectorDeps } from './collector.js';
import { createInterfacesCollector } from './interfaces.js';
import { createSriovCollector } from './sriov.js';
import { createTransportCollector } from './transport.js';

export interface CollectorSpec {
  /** --collector.<name>, and the `collector` label. */
  readonly name: string;
  readonly help: string;
  readonly enabledByDefault: boolean;
  readonly create: (deps: CollectorDeps) => Collector;
}

/** The flags, docs/flags.md and the running set all derive from this list. */
export const COLLECTORS = [
  {
    name: 'interfaces',
    help: 'Counters of every pod interface.',
    enabledByDefault: true,
    create: createInterfacesCollector,
  },
  {
    name: 'transport',
    help:
      'TCP, UDP and connection tracking counters of every pod. Off: receive counters of interfaces are not checked against the ' +
      'IP layer, and stand still where eBPF host routing passes them by.',
    enabledByDefault: true,
    create: createTransportCollector,
  },
  {
    name: 'sriov',
    help: 'SR-IOV physical functions, their virtual functions, how those are set up and what they counted, whichever pod has them.',
    enabledByDefault: true,
    create: createSriovCollector,
  },
] as const satisfies readonly CollectorSpec[];

export type CollectorName = (typeof COLLECTORS)[number]['name'];

/** `--collector.<name>` of every collector. */
export const COLLECTOR_OPTIONS = Object.fromEntries(
  COLLECTORS.map(({ name, help, enabledByDefault }) => [
    `collector.${name}`,
    toggle({ flag: `collector.${name}`, default: enabledByDefault, help: `Collect: ${help}` }),
  ]),
) as Readonly<Record<`collector.${CollectorName}`, Option<boolean>>>;
