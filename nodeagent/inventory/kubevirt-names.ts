const BRIDGE = 'k6t-';
/** Of the names that KubeVirt gives the interfaces of secondary networks; it leaves it out in the name of the bridge. */
const HASHED = 'pod';

/**
 * The interface through which a virtual machine of KubeVirt reaches its network: the one that was renamed and put into the bridge, or
 * (masquerade) the one behind address translation.
 * @param bridge k6t-eth0 and the like; of any other name nothing is known
 * @see KubeVirt pkg/network/link/names.go
 */
export function kubevirtUplink(bridge: string, interfaces: readonly string[]): string | undefined {
  if (!bridge.startsWith(BRIDGE)) return undefined;
  const name = bridge.slice(BRIDGE.length);
  return [`${name}-nic`, name, `${HASHED}${name}`].find((candidate) => interfaces.includes(candidate));
}

/**
 * What carries the traffic of what in the pod of a virtual machine, by the names alone: the last resort of an agent that may not ask for
 * the ports of a bridge. Nobody else calls an interface `k6t-…`; a pod that does so misleads the sums over itself and no other's.
 */
export function kubevirtStacking(interfaces: readonly string[]): Map<string, readonly string[]> {
  const stacking = new Map<string, readonly string[]>();
  const bridges = interfaces.filter((name) => name.startsWith(BRIDGE) && !name.endsWith('-nic'));
  for (const bridge of bridges) {
    const uplink = kubevirtUplink(bridge, interfaces);
    const tap = tapOf(bridge.slice(BRIDGE.length), { interfaces, isOnly: bridges.length === 1 });
    if (uplink === undefined || tap === undefined) continue;
    stacking.set(tap, [uplink]);
    stacking.set(bridge, [uplink, tap]);
  }
  return stacking;
}

/** tap and what is behind the third letter of the pod's interface; tap0 at the pod network, whatever its interface is called. */
function tapOf(
  name: string,
  { interfaces, isOnly }: { readonly interfaces: readonly string[]; readonly isOnly: boolean },
): string | undefined {
  const candidates = [`tap${name}`, `tap${name.slice(3)}`, ...(isOnly ? ['tap0'] : [])];
  return candidates.find((candidate) => interfaces.includes(candidate));
}
