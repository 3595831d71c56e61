import type { Link } from '../rtnetlink/link.js';
import { kubevirtUplink } from './kubevirt-names.js';

/**
 * Kinds whose `link` carries their traffic again. Of others it does not: the peer of a veth is the other end, and the parent of an IPoIB
 * child counts none of it.
 */
const ON_THEIR_LINK = new Set([
  ...['vlan', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap', 'macsec', 'vxlan', 'gre', 'gretap', 'ip6gre', 'ip6gretap'],
  ...['erspan', 'ip6erspan', 'ipip', 'sit', 'ip6tnl', 'vti', 'vti6', 'xfrm'],
]);
const TAP = 'tun';

type Stacking = Map<string, readonly string[]>;

/**
 * Which interfaces of one namespace carry the traffic of others of it again.
 *
 * - A master (bond, bridge, …) carries that of its ports.
 * - A VLAN, macvlan, tunnel carries that of its parent, if the parent is in this namespace.
 * - A tap in a bridge is the plug of a virtual machine: what goes through it goes through the other ports too. It is put on those, and
 *   not on the bridge, whose own counters hold only what it handed up. A bridge with nothing but taps is behind address translation:
 *   the interface that leads out carries it all.
 *
 * @param defaultRoute interface of the default route
 */
export function stackingOf(links: readonly Link[], defaultRoute: string | undefined): Stacking {
  const byIndex = new Map(links.map((link) => [link.ifindex, link]));
  const stacking: Stacking = new Map();
  for (const { name, kind = '', link, linkNetnsid } of links) {
    const parent = link === undefined || linkNetnsid !== undefined ? undefined : byIndex.get(link);
    if (parent !== undefined && ON_THEIR_LINK.has(kind)) stacking.set(name, [parent.name]);
  }
  const bridges = links.flatMap((master) => {
    const ports = links.filter((link) => link.master === master.ifindex);
    if (ports.length === 0) return [];
    stacking.set(master.name, namesOf(ports));
    return master.kind === 'bridge' ? [{ bridge: master.name, ports }] : [];
  });
  for (const { bridge, ports } of bridges) {
    if (!ports.some(({ kind }) => kind === TAP)) continue;
    // an old KubeVirt gives its bridge a dummy as a port, for its address
    const [wires, plugs] = [ports.filter((port) => !isPlug(port)), ports.filter(isPlug)];
    const uplinks = wires.length > 0 ? namesOf(wires) : uplinkOf(bridge, { links, stacking, defaultRoute });
    for (const plug of plugs) if (uplinks.length > 0) stacking.set(plug.name, uplinks);
    if (wires.length === 0) stacking.set(bridge, [...namesOf(ports), ...uplinks]);
  }
  return stacking;
}

interface Surroundings {
  readonly links: readonly Link[];
  readonly stacking: Stacking;
  readonly defaultRoute: string | undefined;
}

/** Nothing that is itself stacked on the bridge: then nothing would be left to count. */
function uplinkOf(bridge: string, { links, stacking, defaultRoute }: Surroundings): string[] {
  const uplink = kubevirtUplink(bridge, namesOf(links)) ?? defaultRoute;
  if (uplink === undefined || uplink === bridge || !links.some(({ name }) => name === uplink)) return [];
  const below = new Set([uplink]);
  for (const name of below) for (const lower of stacking.get(name) ?? []) below.add(lower);
  return below.has(bridge) || links.some(({ name, kind }) => kind === TAP && below.has(name)) ? [] : [uplink];
}

function isPlug({ kind }: Link): boolean {
  return kind === TAP || kind === 'dummy';
}

function namesOf(links: readonly Link[]): string[] {
  return links.map(({ name }) => name).sort();
}
