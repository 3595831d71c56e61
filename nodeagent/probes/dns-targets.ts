import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { DNS_NAME, DNS_NAME_MAX } from '../../openapi/patterns.js';
import type { Clock } from '../../runtime/clock.js';
import { renderHostPort, type HostPort } from '../../runtime/options/kinds.js';
import type { DnsProtocol } from './dns-message.js';
import { lookUp } from './dns.js';
import type { Target } from './probe.js';
import { parseServer, type ServerName } from './server-address.js';

export const DNS_PORT = 53;

/** More targets than this are left out, the last: 4,096 of them, every 15 s, are 546 queries a second. */
export const DNS_TARGETS_MAX = 4_096;

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

const IS_ASCII = /^[\x21-\x7e]+$/;
const IS_NAME = new RegExp(DNS_NAME);

/** Why a name cannot be looked up, to go after `must be`; undefined where it can. */
export function problemOfHost(text: string): string | undefined {
  if (isIP(text) !== 0) return `a name, not the address "${text}"`;
  return normaliseHost(text) === undefined ? `a domain name, such as example.com, not "${text}"` : undefined;
}

/** Lower case, fully qualified, in the form that goes over the wire (RFC 5891): `Bücher.example` is `xn--bcher-kva.example.`. */
function normaliseHost(text: string): string | undefined {
  const host = IS_ASCII.test(text) ? text.toLowerCase() : domainToASCII(text);
  const qualified = host.endsWith('.') ? host : `${host}.`;
  return isIP(host) === 0 && qualified.length <= DNS_NAME_MAX && IS_NAME.test(qualified) ? qualified : undefined;
}

/** @returns targets, those of configured servers before those of endpoints, and how many more there would have been */
export function dnsTargets(
  { hosts, servers, endpoints, protocols }: DnsPlan,
  clock: Pick<Clock, 'monotonicMs'>,
): { readonly targets: readonly Target<'dns'>[]; readonly leftOut: number } {
  const names = new Set(hosts.flatMap((host) => normaliseHost(host) ?? []));
  const parsed = [...servers, ...endpoints.map(renderHostPort)].flatMap((text) => parseServer(text, DNS_PORT) ?? []);
  const byLabel = new Map(parsed.map((server) => [server.label, server]));
  const transports = new Set(protocols);
  const targets: Target<'dns'>[] = [];
  for (const server of byLabel.values()) {
    for (const host of names) {
      for (const protocol of transports) {
        if (targets.length < DNS_TARGETS_MAX) targets.push(dnsTarget({ server, protocol, host }, clock));
      }
    }
  }
  return { targets, leftOut: byLabel.size * names.size * transports.size - targets.length };
}

function dnsTarget(
  lookup: { readonly server: ServerName; readonly protocol: DnsProtocol; readonly host: string },
  clock: Pick<Clock, 'monotonicMs'>,
): Target<'dns'> {
  const { server, protocol, host } = lookup;
  return {
    key: `${server.label} ${protocol} ${host}`,
    meta: { server: server.label, protocol, host },
    server: server.label,
    probe: (limits) => lookUp(lookup, limits, clock),
  };
}
