import { COMPAT_HELP, COMPAT_NAMES } from '../metrics/compat/compat.js';
import { podLabel } from '../metrics/labels.js';
import {
  choice,
  choices,
  duration,
  integer,
  list,
  objectName,
  optionalText,
  port,
  toggle,
  type OptionValues,
} from '../runtime/options/kinds.js';
import type { Program } from '../runtime/options/parse.js';
import { API_GROUP_NAMES } from './api/api-surface.js';
import { LIMITS } from './http/limits.js';
import { LOG_FORMATS, LOG_LEVELS } from '../runtime/logger.js';
import { isOfPublishing, isPublishing, LOG_LEVEL_ALIAS, PUBLISH_OPTIONS } from './publish/options.js';

const HOUR_MS = 3_600_000;

export const APISERVER_OPTIONS = {
  securePort: port({ flag: 'secure-port', default: 6443, help: 'Port to serve HTTPS on; 0 takes a free one.' }),
  bindAddress: optionalText({
    flag: 'bind-address',
    placeholder: 'address',
    defaultText: 'all; 127.0.0.1 with --standalone',
    help: 'Address to serve on. Standalone: a loopback address only.',
  }),
  kubeconfig: optionalText({
    flag: 'kubeconfig',
    placeholder: 'file',
    defaultText: 'the service account of the pod',
    help: 'How to reach the Kubernetes API.',
  }),
  service: objectName({
    flag: 'service',
    default: { namespace: 'podnet-system', name: 'podnet-apiserver' },
    help: 'The Service in front of this server: the names in its certificate, the APIServices it looks after.',
  }),
  apiGroups: choices({
    flag: 'api-groups',
    choices: API_GROUP_NAMES,
    help: 'API groups to serve; one that another adapter owns is left out.',
  }),
  clusterMetricsNamespaces: list({
    flag: 'cluster-metrics-namespaces',
    placeholder: 'namespace',
    defaultText: 'that of --service',
    help: 'Namespaces in which figures of nodes, and of pods of other namespaces, answer.',
  }),
  allowUnboundAgents: toggle({
    flag: 'allow-unbound-agents',
    default: false,
    help: 'Take reports with tokens that name no node, from clusters older than Kubernetes 1.30: an agent can then report for any node.',
  }),
  maxConnectionsPerAddress: integer({
    flag: 'max-connections-per-address',
    ...{ default: LIMITS.connectionsPerAddress, min: 0, max: LIMITS.connections },
    help: 'Most open connections of one client address; 0: no limit, where a NAT or a proxy gives one address to many clients.',
  }),
  shutdownDelay: duration({
    flag: 'shutdown-delay',
    default: 5_000,
    min: 0,
    max: 300_000,
    help: 'How long to go on serving, not ready, before connections are closed at the end; none with --standalone.',
  }),
  standalone: toggle({
    flag: 'standalone',
    default: false,
    help: 'No Kubernetes and no authentication, on a loopback address only.',
  }),
  tlsCertFile: optionalText({
    flag: 'tls-cert-file',
    placeholder: 'file',
    help: 'Server certificate and chain, PEM; followed when it changes. Without it one is made.',
  }),
  tlsPrivateKeyFile: optionalText({
    flag: 'tls-private-key-file',
    placeholder: 'file',
    help: 'Key of --tls-cert-file, PEM.',
  }),
  writeCaFile: optionalText({
    flag: 'write-ca-file',
    placeholder: 'file',
    help: 'Standalone: where to write the certificate of the authority made for this process, PEM, for the clients to trust.',
  }),
  window: duration({
    flag: 'window',
    default: 60_000,
    min: 1_000,
    max: HOUR_MS,
    help: 'Time a rate is averaged over, unless a selector says window=.',
  }),
  history: duration({
    flag: 'history',
    default: 300_000,
    min: 1_000,
    max: HOUR_MS,
    help: 'How far back samples are kept: the longest window.',
  }),
  podLabels: list({
    flag: 'pod-labels',
    placeholder: 'label',
    help: 'Pod labels that every series of the pod and every selector has too, as label_<name>.',
  }),
  maxSeries: integer({
    flag: 'max-series',
    ...{ default: 0, min: 0, max: 10_000_000, defaultText: '0: no limit' },
    help: 'Most series of the pods of a namespace on /metrics: those of its oldest pods. The rest is added up for each workload; what the HPA reads is not limited.',
  }),
  suspectLatency: duration({
    flag: 'suspect-latency',
    ...{ default: 5, min: 1, max: 10_000 },
    help: 'A node that is dialled within this time is never suspected for its latency; beyond it, four times the usual is slow.',
  }),
  compat: {
    ...choices({ flag: 'compat', choices: COMPAT_NAMES, takesAll: true, help: COMPAT_HELP }),
    default: [],
    defaultText: 'none',
  },
  ...PUBLISH_OPTIONS,
  logLevel: choice({
    flag: 'log-level',
    choices: LOG_LEVELS,
    default: 'info',
    aliases: [LOG_LEVEL_ALIAS],
    help: 'Least severity that is logged.',
  }),
  logFormat: choice({
    flag: 'log-format',
    choices: LOG_FORMATS,
    default: 'json',
    help: 'Form of the log on standard error.',
  }),
};
export type ApiserverOptions = OptionValues<typeof APISERVER_OPTIONS>;

export function apiserverProgram(version: string): Program<typeof APISERVER_OPTIONS> {
  return {
    name: 'podnet apiserver',
    summary:
      'Serves what the node agents report: on custom.metrics.k8s.io to the HPA and kubectl, on /metrics to Prometheus.',
    version,
    options: APISERVER_OPTIONS,
    check: checkOptions,
    // AWS_REGION and HTTP_TIMEOUT are names that may be there for somebody else
    isUsed: (flag, options) => !isOfPublishing(flag) || isPublishing(options),
  };
}

function checkOptions(options: ApiserverOptions): string[] {
  const errors: string[] = [];
  if (options.standalone && options.bindAddress !== undefined && !isLoopback(options.bindAddress)) {
    errors.push(
      `--bind-address: ${options.bindAddress} is not a loopback address, and --standalone has no authentication`,
    );
  }
  if ((options.tlsCertFile === undefined) !== (options.tlsPrivateKeyFile === undefined)) {
    errors.push('--tls-cert-file and --tls-private-key-file: give both or none');
  }
  if (options.writeCaFile !== undefined && !options.standalone) {
    errors.push('--write-ca-file: only with --standalone: in a cluster a ConfigMap has it');
  }
  if (options.writeCaFile !== undefined && options.tlsCertFile !== undefined) {
    errors.push('--write-ca-file: no certificate is made with --tls-cert-file, and its authority is yours');
  }
  if (options.window > options.history) errors.push('--window: must not be longer than --history');
  const names = new Map<string, string>();
  for (const { key, name } of options.podLabels.map(podLabel)) {
    const other = names.get(name);
    if (other !== undefined) errors.push(`--pod-labels: ${other} and ${key} would both be the label ${name}`);
    names.set(name, key);
  }
  return errors;
}

function isLoopback(address: string): boolean {
  return address === '::1' || address === 'localhost' || /^127(\.\d{1,3}){3}$/.test(address);
}
