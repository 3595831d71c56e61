import { COMPAT_HELP, COMPAT_NAMES } from '../metrics/compat/compat.js';
import { REPORT_LIMITS, VF_COUNTER_SOURCES } from '../openapi/report-terms.js';
import { LOG_FORMATS, LOG_LEVELS } from '../runtime/logger.js';
import {
  choice,
  choices,
  duration,
  hostPort,
  list,
  optionalText,
  text,
  type Option,
  type OptionValues,
} from '../runtime/options/kinds.js';
import type { Program } from '../runtime/options/parse.js';
import { COLLECTOR_OPTIONS } from './collectors/registry.js';
import { parseCriEndpoint } from './cri/endpoint.js';
import { DEFAULT_TOKEN_FILE } from './push/credentials.js';

/** Standalone has none. */
const tokenFile: Option<string | undefined> = text({
  flag: 'token-file',
  default: DEFAULT_TOKEN_FILE,
  placeholder: 'file',
  help: 'Service account token of the audience podnet, sent to the servers and read again when it changes. Without the file none is sent.',
});

/** @param hostName what the machine calls itself: the default of --node-name */
export function nodeagentOptions(hostName: string) {
  return {
    nodeName: text({
      flag: 'node-name',
      default: hostName,
      defaultText: '$NODE_NAME, else the host name',
      placeholder: 'name',
      help: 'Name of this node in every report.',
    }),
    server: list({
      flag: 'server',
      placeholder: 'url',
      help: 'An apiserver to push to, https://host:port. Without any the agent serves its own /metrics and pushes nothing.',
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
      choices: ['kubernetes', 'netns'],
      default: 'kubernetes',
      help: 'Where pods come from: the Kubernetes API; netns takes every network namespace for a pod.',
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
    compat: {
      ...choices({ flag: 'compat', choices: COMPAT_NAMES, help: COMPAT_HELP }),
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
    ...COLLECTOR_OPTIONS,
  };
}
export type NodeagentOptions = OptionValues<ReturnType<typeof nodeagentOptions>>;

export function nodeagentProgram(version: string, hostName: string): Program<ReturnType<typeof nodeagentOptions>> {
  return {
    name: 'podnet nodeagent',
    summary:
      'Reads the network counters of every pod of this node and pushes them, with their names, to the apiservers.',
    version,
    options: nodeagentOptions(hostName),
    check: checkOptions,
  };
}

function checkOptions({ server, nodeName, criEndpoint }: NodeagentOptions): string[] {
  const errors = server.flatMap((url) => {
    const problem = problemOfServer(url);
    return problem === undefined ? [] : [`--server: ${problem}`];
  });
  if (!/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(nodeName) || nodeName.length > 253) {
    errors.push(`--node-name: must be a name of letters, digits, "-", "_" and ".", not "${nodeName}"`);
  }
  if (criEndpoint !== undefined && parseCriEndpoint(criEndpoint) === undefined) {
    errors.push(
      `--cri-endpoint: must be the path of a unix socket, such as unix:///run/containerd/containerd.sock, not "${criEndpoint}"`,
    );
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
