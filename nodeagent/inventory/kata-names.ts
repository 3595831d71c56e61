const TAP = /^tap\d+_kata$/;

/**
 * The taps by which Kata Containers puts the interfaces of a pod into its virtual machine carry what those carry, again. The kernel
 * knows nothing of it (tc mirrors the packets), so their names have to do. Which tap belongs to which interface does not matter: where
 * any other interface is counted, none of them is.
 * @see Kata Containers src/runtime/virtcontainers, createNetworkInterfacePair
 */
export function kataStacking(interfaces: readonly string[]): Map<string, readonly string[]> {
  const others = interfaces.filter((name) => !TAP.test(name));
  if (others.length === 0) return new Map();
  return new Map(interfaces.filter((name) => TAP.test(name)).map((tap) => [tap, others]));
}
