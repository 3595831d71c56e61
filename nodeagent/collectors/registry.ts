import type { ProbeKind } from '../../openapi/report-terms.js';
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

/** Of role probe: what it measures on schedules of their own. */
export const PROBE_COLLECTORS = [
  {
    name: 'dial',
    help: 'Role probe: how long TCP connections to other agents, and to the Service in front of them, take.',
  },
  { name: 'dns', help: 'Role probe: how long DNS servers take to look up names.' },
  {
    name: 'ntp',
    help: 'Role probe: how long time servers take to answer, and how far their clocks are from the one here.',
  },
] as const satisfies readonly { readonly name: ProbeKind; readonly help: string }[];

/** Of role node, on a schedule of its own: no sweep waits for it. */
export const IPAM_COLLECTOR = {
  name: 'ipam',
  help: 'IP addresses and interfaces that the node has, uses and can still get, as its IP address management tells.',
} as const;

const OF_EVERY_ROLE = [
  ...COLLECTORS,
  ...[IPAM_COLLECTOR, ...PROBE_COLLECTORS].map((one) => ({ ...one, enabledByDefault: true })),
];

/** `--collector.<name>` of every collector. */
export const COLLECTOR_OPTIONS = Object.fromEntries(
  OF_EVERY_ROLE.map(({ name, help, enabledByDefault }) => [
    `collector.${name}`,
    toggle({ flag: `collector.${name}`, default: enabledByDefault, help: `Collect: ${help}` }),
  ]),
) as Readonly<Record<`collector.${CollectorName | typeof IPAM_COLLECTOR.name | ProbeKind}`, Option<boolean>>>;
