/** Flags of a route, Linux include/uapi/linux/route.h. */
const RTF_UP = 0x1;
const RTF_REJECT = 0x200;
const ANY_IPV4 = '00000000';
const ANY_IPV6 = '0'.repeat(32);

interface DefaultRoute {
  readonly device: string;
  readonly metric: number;
}

/**
 * The interface of the IPv4 default route in /proc/<pid>/net/route, that of the lowest metric. The file is in the order of the
 * destinations, so that default routes come first, and its first lines are enough.
 * Lines that do not parse are passed over.
 * @returns undefined without a default route
 * @see Linux net/ipv4/fib_trie.c, fib_route_seq_show()
 */
export function parseDefaultRoute(text: string): string | undefined {
  const routes = text
    .split('\n')
    .slice(1)
    .flatMap((line): DefaultRoute[] => {
      const [device = '', destination, , flags = '', , , metric = '', mask] = line.trim().split(/\s+/);
      const usable = isUsable(Number.parseInt(flags, 16));
      return destination === ANY_IPV4 && mask === ANY_IPV4 && usable ? [{ device, metric: Number(metric) }] : [];
    });
  return best(routes);
}

/**
 * The same of /proc/<pid>/net/ipv6_route, where default routes stand behind the others.
 * @see Linux net/ipv6/ip6_fib.c, ipv6_route_native_seq_show()
 */
export function parseDefaultRoute6(text: string): string | undefined {
  const routes = text.split('\n').flatMap((line): DefaultRoute[] => {
    const [destination, length, , , , metric = '', , , flags = '', device = ''] = line.trim().split(/\s+/);
    const usable = isUsable(Number.parseInt(flags, 16)) && device !== 'lo';
    return destination === ANY_IPV6 && length === '00' && usable
      ? [{ device, metric: Number.parseInt(metric, 16) }]
      : [];
  });
  return best(routes);
}

function isUsable(flags: number): boolean {
  return (flags & RTF_UP) !== 0 && (flags & RTF_REJECT) === 0;
}

function best(routes: readonly DefaultRoute[]): string | undefined {
  return routes.reduce<DefaultRoute | undefined>(
    (least, route) => (least === undefined || route.metric < least.metric ? route : least),
    undefined,
  )?.device;
}
