import { COMPAT_HELP, COMPAT_NAMES } from '../metrics/compat/compat.js';
import { DNS_NAME, DNS_NAME_MAX } from '../openapi/patterns.js';
import { REPORT_LIMITS, VF_COUNTER_SOURCES } from '../openapi/report-terms.js';
import { LOG_FORMATS, LOG_LEVELS } from '../runtime/logger.js';
import {
  choice,
  choices,
  duration,
  hostPort,
  integer,
  list,
  objectNameOrOff,
  optionalText,
  text,
  textOrOff,
  type Option,
  type OptionValues,
} from '../runtime/options/kinds.js';
import type { Program } from '../runtime/options/parse.js';
import { COLLECTOR_OPTIONS } from './collectors/registry.js';
import { parseSocketEndpoint } from './grpc/endpoint.js';
import { checkIpamOptions, ipamOptions } from './ipam/options.js';
import { checkProbeOptions } from './probes/check-options.js';
import { PROBE_OPTIONS } from './probes/options.js';
import { DEFAULT_TOKEN_FILE } from './push/credentials.js';

/** Of requests a second, and at once: more than the agent could answer. */
const MAX_RATE = 1_000_000;

/** Of `_https._tcp.`. */
const SRV_PREFIX_LENGTH = 12;

/** Standalone has none. */
const tokenFile: Option<string | undefined> = text({
  flag: 'token-file',
  default: DEFAULT_TOKEN_FILE,
  placeholder: 'file',
  help: 'Service account token of the audience podnet, sent to the servers and read again when it changes. Without the file none is sent.',
});

/**
 * @param hostName what the machine calls itself: the default of --node-name
 * @param hostIp the node's address, where that is known: in the default of --ipam.endpoint
 */
export function nodeagentOptions(hostName: string, hostIp?: string) {
  return {
    nodeName: text({
      flag: 'node-name',
      default: hostName,
      defaultText: '$NODE_NAME, else the host name',
      placeholder: 'name',
      help: 'Name of this node in every report.',
    }),
    role: choice({
      flag: 'role',
      choices: ['node', 'probe'],
      default: 'node',
      help: "What this agent is there for: node reads the counters of the node's pods and devices; probe, in a pod of its own network, measures how others can be reached.",
    }),
    server: list({
      flag: 'server',
      placeholder: 'url',
      help: 'An apiserver to push to, https://host:port. Without any, and without --service, the agent serves its own /metrics and pushes nothing.',
    }),
    service: objectNameOrOff({
      flag: 'service',
      default: undefined,
      help: 'In place of --server: the Service of the apiservers, such as podnet-system/podnet-apiserver. Each of its replicas is pushed to, ready or not, by what its EndpointSlices say, at the port named https or else the first; its certificate has to be for <name>.<namespace>.svc.',
    }),
    serviceDnsName: optionalText({
      flag: 'service-dns-name',
      placeholder: 'name',
      defaultText: 'the EndpointSlices of --service',
      help: 'With --service, for an agent that may not read EndpointSlices: the full name in DNS of a headless Service over the same replicas that publishes addresses which are not ready, such as podnet-apiserver-replicas.podnet-system.svc.cluster.local. Its port has to be named https: the SRV records of _https._tcp.<name> are what is pushed to.',
    }),
    serverCaFile: optionalText({
      flag: 'server-ca-file',
      placeholder: 'file',
      help: "What to trust as the authority of the servers, PEM, read again when it changes; without it the system's authorities.",
    }),
    tokenFile,
    kubeconfig: optionalText({
      flag: 'kubeconfig',
      placeholder: 'file',
      defaultText: 'the service account of the pod',
      help: 'How to reach the Kubernetes API.',
    }),
    podSource: choice({
      flag: 'pod-source',
      choices: ['kubernetes', 'netns', 'none'],
      default: 'kubernetes',
      help: 'Where pods come from: the Kubernetes API; netns takes every network namespace for a pod; with none there are none, and the node has its devices and CPUs alone.',
    }),
    interval: duration({
      flag: 'interval',
      default: 15_000,
      min: REPORT_LIMITS.minIntervalMs,
      max: REPORT_LIMITS.maxIntervalMs,
      help: 'Time between two samples.',
    }),
    pathProcfs: text({ flag: 'path.procfs', default: '/proc', placeholder: 'directory', help: "The host's procfs." }),
    pathCgroupfs: text({
      flag: 'path.cgroupfs',
      default: '/sys/fs/cgroup',
      placeholder: 'directory',
      help: "The host's cgroup hierarchies, v1 or v2: which processes belong to which pod.",
    }),
    criEndpoint: optionalText({
      flag: 'cri-endpoint',
      placeholder: 'socket',
      help: 'Socket of the container runtime (unix:///run/containerd/containerd.sock): finds pods whose processes the cgroups do not tell.',
    }),
    pathSysfs: text({ flag: 'path.sysfs', default: '/sys', placeholder: 'directory', help: "The host's sysfs." }),
    pathKubeletSocket: textOrOff({
      flag: 'path.kubelet-socket',
      default: '/var/lib/kubelet/pod-resources/kubelet.sock',
      placeholder: 'socket',
      help: "Socket of the kubelet's PodResources API: which pod has which device and which CPUs. Mount its directory: a kubelet that is started again makes another socket. none: it is not asked.",
    }),
    pathCpuManagerState: text({
      flag: 'path.cpu-manager-state',
      default: '/var/lib/kubelet/cpu_manager_state',
      placeholder: 'file',
      help: "The host's checkpoint of the kubelet's CPU manager: which CPUs containers have to themselves, where the kubelet does not answer. Its directory has to be mounted, not the file: the kubelet replaces it.",
    }),
    sriovCounterSources: {
      ...choices({
        flag: 'sriov.counter-sources',
        choices: VF_COUNTER_SOURCES,
        help: "Where counters of virtual functions may come from, the best first: what their physical function says by netlink, what its driver says in sysfs, the function's own interface while it is on the node. The first that proves to have any is used.",
      }),
      defaultText: VF_COUNTER_SOURCES.join(','),
    },
    listenAddress: hostPort({
      flag: 'listen-address',
      default: { host: '127.0.0.1', port: 9808 },
      help: 'Where the agent serves /metrics and /healthz, over plain HTTP.',
    }),
    listenRateLimit: integer({
      flag: 'listen-rate-limit',
      ...{ default: 10, min: 1, max: MAX_RATE },
      help: 'Requests a second that one client may make there; more are answered with 429. A probe of /healthz from the node itself always may.',
    }),
    listenRateBurst: integer({
      flag: 'listen-rate-burst',
      ...{ default: 20, min: 1, max: MAX_RATE },
      help: 'Requests that one client may make at once.',
    }),
    compat: {
      ...choices({ flag: 'compat', choices: COMPAT_NAMES, takesAll: true, help: COMPAT_HELP }),
      default: [],
      defaultText: 'none',
    },
    logLevel: choice({
      flag: 'log-level',
      choices: LOG_LEVELS,
      default: 'info',
      help: 'Least severity that is logged.',
    }),
    logFormat: choice({
      flag: 'log-format',
      choices: LOG_FORMATS,
      default: 'json',
      help: 'Form of the log on standard error.',
    }),
    ...ipamOptions(hostIp),
    ...PROBE_OPTIONS,
    ...COLLECTOR_OPTIONS,
  };
}
export type NodeagentOptions = OptionValues<ReturnType<typeof nodeagentOptions>>;

export function nodeagentProgram(
  version: string,
  hostName: string,
  hostIp?: string,
): Program<ReturnType<typeof nodeagentOptions>> {
  return {
    name: 'podnet nodeagent',
    summary:
      'Reads the network counters of every pod of this node or, with --role probe, measures how other nodes, DNS and time servers can be reached, and pushes that to the apiservers.',
    version,
    options: nodeagentOptions(hostName, hostIp),
    check: checkOptions,
  };
}

function checkOptions(options: NodeagentOptions): string[] {
  const { server, service, nodeName, criEndpoint, pathKubeletSocket } = options;
  const errors = server.flatMap((url) => {
    const problem = problemOfServer(url);
    return problem === undefined ? [] : [`--server: ${problem}`];
  });
  if (server.length > 0 && service !== undefined) {
    errors.push('--service: cannot be given together with --server: say either where the apiservers are, or who knows');
  }
  errors.push(...checkServiceDnsName(options));
  if (!/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(nodeName) || nodeName.length > 253) {
    errors.push(`--node-name: must be a name of letters, digits, "-", "_" and ".", not "${nodeName}"`);
  }
  if (criEndpoint !== undefined && parseSocketEndpoint(criEndpoint) === undefined) {
    errors.push(
      `--cri-endpoint: must be the path of a unix socket, such as unix:///run/containerd/containerd.sock, not "${criEndpoint}"`,
    );
  }
  if (pathKubeletSocket !== '' && parseSocketEndpoint(pathKubeletSocket) === undefined) {
    errors.push(`--path.kubelet-socket: must be the path of a unix socket, or none, not "${pathKubeletSocket}"`);
  }
  return [...errors, ...checkIpamOptions(options), ...checkProbeOptions(options)];
}

function checkServiceDnsName({ service, serviceDnsName: name }: NodeagentOptions): string[] {
  if (name === undefined) return [];
  const errors: string[] = [];
  if (service === undefined) {
    errors.push(
      '--service-dns-name: cannot be given without --service, which says whose certificate the replicas show',
    );
  }
  const absolute = name.endsWith('.') ? name : `${name}.`;
  if (!new RegExp(DNS_NAME).test(absolute) || absolute.length > DNS_NAME_MAX - SRV_PREFIX_LENGTH) {
    errors.push(`--service-dns-name: must be a name in DNS, not "${name}"`);
  }
  return errors;
}

/** What is wrong with a URL. It is printed only where it cannot hold a secret. */
function problemOfServer(text_: string): string | undefined {
  if (text_.includes('@')) return 'must be https://host:port without a user or password: the token is in --token-file';
  if (/[?#]/.test(text_)) return 'must be https://host:port without "?" and "#"';
  if (!URL.canParse(text_)) return `must be https://host:port, not "${text_}"`;
  const { protocol, pathname } = new URL(text_);
  return protocol === 'https:' && pathname === '/' ? undefined : `must be https://host:port, not "${text_}"`;
}

/** The origins of the servers, each once: named twice, it would get every report twice. */
export function distinctServers(urls: readonly string[]): string[] {
  return [...new Set(urls.map((url) => new URL(url).origin))];
}
