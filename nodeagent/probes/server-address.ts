import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { renderHostPort, type HostPort } from '../../runtime/options/kinds.js';

/** A server as it was configured. */
export interface ServerName extends HostPort {
  /** How it is called in labels: without the usual port. */
  readonly label: string;
}

/** A host name: labels of letters, digits, `-` and `_`, with or without a dot at the end. */
const HOST_NAME = /^(?=.{1,253}$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?)+$/;

/**
 * Parses a name, an IPv4 or an IPv6 address, each with or without a port: `ntp.example.com`, `10.96.0.10:53`, `fd00::a`, `[fd00::a]:53`.
 * @returns undefined for what is none of these
 */
export function parseServer(text: string, usualPort: number): ServerName | undefined {
  const [, bracketed, plain = text, portText] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = portText === undefined ? usualPort : Number(portText);
  const isAddress = bracketed === undefined ? isIP(host) !== 0 : isIP(host) === 6;
  const isNumeric = /^[0-9.]+$/.test(host); // a mistyped address is no name
  if (!isAddress && (bracketed !== undefined || isNumeric || !HOST_NAME.test(host))) return undefined;
  if (port < 1 || port > 65_535) return undefined;
  const name = host.toLowerCase().replace(/\.$/, ''); // the same server, however it is written
  return { host, port, label: port === usualPort ? name : renderHostPort({ host: name, port }) };
}

/** An address family that this machine can use, with an address that is not its own alone. */
export type Family = 'ipv4' | 'ipv6';

export function familyOf(address: string): Family {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

/** The families of the addresses that this network namespace has, but for loopback and link-local ones; none where that cannot be learnt. */
export function ownFamilies(): ReadonlySet<Family> {
  const addresses = Object.values(interfaces()).flatMap((all) => all ?? []);
  const usable = addresses.filter(({ internal, address }) => !internal && !/^(fe[89ab]|169\.254\.)/i.test(address));
  return new Set(usable.map(({ address }) => familyOf(address)));
}

/** Asks the kernel over a socket, for which there may be no file descriptor left, or no right in a sandbox. */
function interfaces(): ReturnType<typeof networkInterfaces> {
  try {
    return networkInterfaces();
  } catch {
    return {};
  }
}

/**
 * The address of a server: its own where it is one, else what the servers of /etc/resolv.conf say of its name, fully qualified. Of a
 * name with several the first of a family that this machine has, IPv4 before IPv6. Asked anew each time: names of time servers move.
 *
 * Not by getaddrinfo(3), four of which, waiting for a dead DNS server, would hold up all that goes through libuv's threads.
 * @returns undefined where the name has no address, or nobody answers in time
 */
export async function resolveServer(host: string, timeoutMs: number): Promise<string | undefined> {
  if (isIP(host) !== 0) return host;
  const families = ownFamilies();
  const servers = new Resolver().getServers().length;
  // Each gets its turn: the first may be dead. Node looks only as often as a turn lasts whether it is over, so one may last twice as long.
  const turnMs = servers > 1 ? timeoutMs / (2 * servers) : timeoutMs;
  const resolver = new Resolver({ timeout: Math.max(1, Math.floor(turnMs)), tries: 1 });
  const late = setTimeout(() => resolver.cancel(), timeoutMs);
  try {
    const [ipv4, ipv6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const found = [ipv4, ipv6].flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    return found.find((address) => families.has(familyOf(address))) ?? found[0];
  } finally {
    clearTimeout(late);
  }
}
