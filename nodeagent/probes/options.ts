import {
  choices,
  duration,
  hostPort,
  integer,
  list,
  objectNameOrOff,
  type OptionValues,
} from '../../runtime/options/kinds.js';
import { toggle } from '../../runtime/options/kinds.js';

const SHORTEST_MS = 100;
/** The last bucket of the histograms: what takes longer has failed. */
const LONGEST_TIMEOUT_MS = 10_000;
const LONGEST_INTERVAL_MS = 3_600_000;

const interval = (flag: string, what: string, defaultMs: number) =>
  duration({
    flag,
    ...{ default: defaultMs, min: SHORTEST_MS, max: LONGEST_INTERVAL_MS },
    help: `Time between two ${what}, give or take a tenth.`,
  });
const timeout = (flag: string, what: string, defaultMs: number) =>
  duration({
    flag,
    ...{ default: defaultMs, min: SHORTEST_MS, max: LONGEST_TIMEOUT_MS },
    help: `How long ${what} may take until it has failed.`,
  });

/** Of role probe. */
export const PROBE_OPTIONS = {
  probeListenAddress: hostPort({
    flag: 'probe-listen-address',
    default: { host: '', port: 9809 },
    help: 'Role probe: where the agent is dialled by the others, and answers /blackbox; its port is also the one dialled at peers.',
  }),
  dialService: objectNameOrOff({
    flag: 'dial.service',
    default: { namespace: 'podnet-system', name: 'podnet-probe' },
    help: 'Role probe: the Service whose EndpointSlices list the agents to be dialled, and whose own address is dialled as well. none: nobody is, but for --dial.peers.',
  }),
  dialPeers: list({
    flag: 'dial.peers',
    placeholder: 'node=address',
    help: 'Role probe: the agents to be dialled, in place of --dial.service, as <node>[/<zone>][@<network>]=<host>[:<port>]; this node may be among them.',
  }),
  dialCount: integer({
    flag: 'dial.count',
    ...{ default: 4, min: 1, max: 64 },
    help: 'Role probe: how many other agents each one dials, and is dialled by, on each network.',
  }),
  dialSecondaryNetworks: toggle({
    flag: 'dial.secondary-networks',
    default: true,
    help: "Role probe: dial over the secondary networks too that the agents' pods are on.",
  }),
  dialInterval: interval('dial.interval', 'dials of one peer', 5_000),
  dialTimeout: timeout('dial.timeout', 'a connection', 5_000),
  dnsHosts: list({
    flag: 'dns.hosts',
    placeholder: 'name',
    defaultText: 'kubernetes.default.svc.<domain of /etc/resolv.conf>',
    help: 'Role probe: names to look up, fully qualified.',
  }),
  dnsServers: list({
    flag: 'dns.servers',
    placeholder: 'host[:port]',
    defaultText: 'those of /etc/resolv.conf, in a pod the DNS Service of the cluster',
    help: 'Role probe: DNS servers to ask.',
  }),
  dnsEndpoints: objectNameOrOff({
    flag: 'dns.endpoints',
    default: undefined,
    help: 'Role probe: a Service, such as kube-system/kube-dns, each of whose endpoints is asked as well.',
  }),
  dnsProtocols: choices({
    flag: 'dns.protocols',
    choices: ['udp', 'tcp'],
    help: 'Role probe: over what DNS servers are asked.',
  }),
  dnsInterval: interval('dns.interval', 'lookups of one name at one server', 15_000),
  dnsTimeout: timeout('dns.timeout', 'a lookup', 2_000),
  ntpServers: list({
    flag: 'ntp.servers',
    placeholder: 'host[:port]',
    defaultText: 'none',
    help: 'Role probe: time servers to ask.',
  }),
  ntpInterval: interval('ntp.interval', 'exchanges with one time server', 60_000),
  ntpTimeout: timeout('ntp.timeout', 'an exchange', 5_000),
  probeMaxLoopDelay: duration({
    flag: 'probe.max-loop-delay',
    ...{ default: 10, min: 1, max: 1_000 },
    help: 'Role probe: a latency measured while the agent itself was held up for longer than this is left out.',
  }),
};
export type ProbeOptions = OptionValues<typeof PROBE_OPTIONS>;
