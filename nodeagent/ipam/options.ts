import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import { duration, textOrOff, type OptionValues } from '../../runtime/options/kinds.js';

const MIN_INTERVAL_MS = 1_000;
const MIN_TIMEOUT_MS = 100;
const MAX_TIMEOUT_MS = 60_000;
/** Where ipamd serves its metrics (amazon-vpc-cni-k8s, pkg/ipamd/introspect.go). */
const IPAMD = { port: 61_678, path: '/metrics' } as const;

/**
 * Of role node.
 * @param hostIp the node's own address, where the downward API tells it: ipamd is in the node's network, and an agent need not be
 */
export function ipamOptions(hostIp = '127.0.0.1') {
  const host = hostIp.includes(':') ? `[${hostIp}]` : hostIp;
  return {
    ipamEndpoint: textOrOff({
      flag: 'ipam.endpoint',
      default: `http://${host}:${IPAMD.port}${IPAMD.path}`,
      defaultText: `http://$HOST_IP:${IPAMD.port}${IPAMD.path}, without it 127.0.0.1`,
      placeholder: 'url',
      help: "Where the node's IP address management (ipamd of Amazon's VPC CNI) serves its metrics. Nothing has to listen there. none: it is not asked.",
    }),
    ipamInterval: duration({
      flag: 'ipam.interval',
      ...{ default: 15_000, min: MIN_INTERVAL_MS, max: REPORT_LIMITS.maxIntervalMs },
      help: 'Time between two readings of what keeps the books of the IP addresses of the node.',
    }),
    ipamTimeout: duration({
      flag: 'ipam.timeout',
      ...{ default: 5_000, min: MIN_TIMEOUT_MS, max: MAX_TIMEOUT_MS },
      help: 'How long such a reading may take until it has failed; --ipam.interval at most.',
    }),
    pathCniNetworks: textOrOff({
      flag: 'path.cni-networks',
      default: '/var/lib/cni/networks',
      placeholder: 'directory',
      help: "The host's directory in which the CNI plugin host-local keeps which addresses it gave away. none: it is not read.",
    }),
    pathCniConf: textOrOff({
      flag: 'path.cni-conf',
      default: '/etc/cni/net.d',
      placeholder: 'directory',
      help: "The host's directory of CNI configurations: which ranges of addresses host-local has. none: it is not read.",
    }),
  };
}
export type IpamOptions = OptionValues<ReturnType<typeof ipamOptions>>;

/** What is wrong with them, a line each. */
export function checkIpamOptions({ ipamEndpoint }: Pick<IpamOptions, 'ipamEndpoint'>): string[] {
  const problem = ipamEndpoint === '' ? undefined : problemOfEndpoint(ipamEndpoint);
  return problem === undefined ? [] : [`--ipam.endpoint: ${problem}`];
}

/** It is printed only where it cannot hold a secret. */
function problemOfEndpoint(url: string): string | undefined {
  if (url.includes('@')) return 'must be http://host:port/path without a user or password, or none';
  const isGood = /^http:\/\/[^#\s]+$/.test(url) && URL.canParse(url);
  return isGood ? undefined : `must be http://host:port/path, or none, not "${url}"`;
}

/** $HOST_IP, as the downward API gives it (status.hostIP). */
export function hostIpOf(env: Readonly<Record<string, string | undefined>>): string | undefined {
  return env['HOST_IP'] === '' ? undefined : env['HOST_IP'];
}
