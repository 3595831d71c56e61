import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import type { Clock } from '../../runtime/clock.js';
import { renderHostPort, type HostPort } from '../../runtime/options/kinds.js';
import type { DnsProtocol } from './dns-message.js';
import { lookUp } from './dns.js';
import { normaliseHost } from './host-name.js';
import type { Target } from './probe.js';
import { parseServer, type ServerName } from './server-address.js';

export const DNS_PORT = 53;

/** More targets than this are left out, the last. */
export const DNS_TARGETS_MAX = REPORT_LIMITS.probeSeries;

/** Names that are looked up at servers over protocols, each at each over each. What is there twice counts once. */
export interface DnsPlan {
  /** Without problemOfHost. */
  readonly hosts: readonly string[];
  /** As parseServer takes them. */
  readonly servers: readonly string[];
  /** More servers: those behind a Service. */
  readonly endpoints: readonly HostPort[];
  readonly protocols: readonly DnsProtocol[];
}

/** @returns targets, those of configured servers before those of endpoints, and how many more there would have been */
export function dnsTargets(
  { hosts, servers, endpoints, protocols }: DnsPlan,
  clock: Pick<Clock, 'monotonicMs'>,
): { readonly targets: readonly Target<'dns'>[]; readonly leftOut: number } {
  const names = new Set(hosts.flatMap((host) => normaliseHost(host) ?? []));
  const named = servers.flatMap((text) => parseServer(text, DNS_PORT) ?? []);
  const behind = endpoints.flatMap((endpoint) => parseServer(renderHostPort(endpoint), DNS_PORT) ?? []);
  // What is both is not one that comes and goes.
  const asked = [
    ...behind.map((server) => ({ server, isEndpoint: true })),
    ...named.map((server) => ({ server, isEndpoint: false })),
  ];
  const byLabel = new Map(asked.map((one) => [one.server.label, one]));
  const transports = new Set(protocols);
  const targets: Target<'dns'>[] = [];
  for (const { server, isEndpoint } of [...byLabel.values()].sort(
    (a, b) => Number(a.isEndpoint) - Number(b.isEndpoint),
  )) {
    for (const host of names) {
      for (const protocol of transports) {
        if (targets.length < DNS_TARGETS_MAX) targets.push(dnsTarget({ server, protocol, host }, isEndpoint, clock));
      }
    }
  }
  return { targets, leftOut: byLabel.size * names.size * transports.size - targets.length };
}

function dnsTarget(
  lookup: { readonly server: ServerName; readonly protocol: DnsProtocol; readonly host: string },
  isEndpoint: boolean,
  clock: Pick<Clock, 'monotonicMs'>,
): Target<'dns'> {
  const { server, protocol, host } = lookup;
  return {
    key: `${server.label} ${protocol} ${host}`,
    meta: { server: server.label, protocol, host, ...(isEndpoint && { isEndpoint }) },
    server: server.label,
    probe: (limits) => lookUp(lookup, limits, clock),
    // Judged a moment later only: one that is being replaced is no target any more by then, and has not failed.
    ...(isEndpoint && { isFailure: () => true }),
  };
}
