/** Why a server could not be spoken to, as far as the kernel tells. */
export type ConnectFailure = 'refused' | 'timeout' | 'unreachable' | 'reset' | 'other';

/**
 * By the name of errno. Most of them are made of ICMP (Linux net/ipv4/icmp.c, icmp_err_convert; net/ipv6/icmp.c, icmpv6_err_convert), of
 * routes (net/ipv4/fib_semantics.c, fib_props) or of a packet filter of this machine:
 *
 * - dropped on its way out by nftables or a full conntrack table: EPERM for a datagram; TCP is told nothing and tries on, to a timeout;
 * - rejected on its way out: as if the answer had come from afar, EHOSTUNREACH or ECONNREFUSED for TCP, EPERM for a datagram;
 * - prohibited (`REJECT --reject-with icmp-admin-prohibited`, a route of type prohibit): EHOSTUNREACH from IPv4, EACCES from IPv6 and routes.
 *
 * What a packet filter or a route forbids cannot be reached: that is the same on both families, and whichever machine forbids it.
 */
const FAILURES: Readonly<Record<string, ConnectFailure>> = {
  ECONNREFUSED: 'refused', // a TCP reset for an answer, ICMP port unreachable

  ETIMEDOUT: 'timeout',

  ENETUNREACH: 'unreachable', // no route, too
  EHOSTUNREACH: 'unreachable', // no neighbour, too
  ENETDOWN: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENONET: 'unreachable',
  ENOPROTOOPT: 'unreachable', // ICMP protocol unreachable
  EPROTO: 'unreachable', // ICMPv6 of a kind that has no errno of its own
  EACCES: 'unreachable',
  EPERM: 'unreachable',
  EINVAL: 'unreachable', // a route of type blackhole (Calico has them for its blocks), a link-local address without its interface
  EADDRNOTAVAIL: 'unreachable', // no address of that family here
  EAFNOSUPPORT: 'unreachable', // a kernel without IPv6

  ECONNRESET: 'reset',
  ECONNABORTED: 'reset',
  EPIPE: 'reset',
};

/**
 * Why a connection, or a datagram of a connected socket, failed.
 * @param error of node:net or node:dgram; of an AggregateError the first that says something counts
 * @returns `other` for what is wrong here and says nothing of the server: no file descriptors left, no buffers, not an error of a socket
 */
export function connectFailure(error: unknown): ConnectFailure {
  if (error instanceof AggregateError) {
    const reasons = error.errors.map((one: unknown) => connectFailure(one));
    return reasons.find((reason) => reason !== 'other') ?? 'other';
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return (Object.hasOwn(FAILURES, code) ? FAILURES[code] : undefined) ?? 'other';
}
