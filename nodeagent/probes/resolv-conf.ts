import { isIP } from 'node:net';
import { DNS_NAME, DNS_NAME_MAX } from '../../openapi/patterns.js';

/** What /etc/resolv.conf says of name servers and search domains. */
export interface ResolvConf {
  /** IPv4 and IPv6 addresses, the latter with their zone where they have one (`fe80::1%eth0`). */
  readonly nameservers: readonly string[];
  /** Domains with the dot at the end. */
  readonly search: readonly string[];
}

/** resolv.conf(5): MAXNS of glibc's <resolv.h>. Those after the third are never asked. */
const NAMESERVERS_MAX = 3;
/** As many as Kubernetes allows in a pod (MaxDNSSearchPaths of its validation); glibc takes any number. */
const SEARCH_MAX = 32;
/** Longer lines are nobody's. */
const LINE_MAX = 4_096;

const IS_NAME = new RegExp(DNS_NAME);

/**
 * Parses /etc/resolv.conf as glibc does: a keyword at the beginning of a line, white space, values; `#` and `;` make a line a comment; of
 * several `search` and `domain` lines the last counts. What is no address or no domain is left out.
 * @see resolv.conf(5), glibc resolv/res_init.c
 */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  let search: string[] = [];
  for (const line of text.split('\n')) {
    if (line.length > LINE_MAX) continue;
    const [, keyword, rest = ''] = /^(nameserver|search|domain)[ \t]+(.*)$/.exec(line.trimEnd()) ?? [];
    const values = rest.split(/[ \t]+/);
    if (keyword === 'nameserver') nameservers.push(...values.slice(0, 1).filter((value) => isIP(value) !== 0));
    if (keyword === 'search') search = values.flatMap(domainOf);
    if (keyword === 'domain') search = values.slice(0, 1).flatMap(domainOf);
  }
  return { nameservers: nameservers.slice(0, NAMESERVERS_MAX), search: search.slice(0, SEARCH_MAX) };
}

function domainOf(value: string): string[] {
  const domain = value.endsWith('.') ? value.toLowerCase() : `${value.toLowerCase()}.`;
  return domain.length <= DNS_NAME_MAX && IS_NAME.test(domain) ? [domain] : [];
}

/**
 * The name of the cluster's API server, which each cluster's DNS knows: `kubernetes.default.svc.<domain>.`.
 *
 * The kubelet lists `<namespace>.svc.<domain>`, `svc.<domain>` and `<domain>` (generateSearchesForDNSClusterFirst of its dns.go). The first two are looked for:
 * a company's own `svc.example.com` is no cluster, and a namespace may be called `svc`.
 * @returns undefined outside a cluster
 */
export function clusterHost({ search }: ResolvConf): string | undefined {
  const services = search.find(
    (domain) => domain.startsWith('svc.') && search.some((one) => isNamespaceOf(one, domain)),
  );
  return services === undefined ? undefined : `kubernetes.default.${services}`;
}

function isNamespaceOf(domain: string, services: string): boolean {
  return domain.endsWith(`.${services}`) && !domain.slice(0, -services.length - 1).includes('.');
}
