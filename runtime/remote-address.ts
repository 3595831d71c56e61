/** An IPv4 address as such, also where a socket of both families tells it as one of IPv6 (::ffff:192.0.2.1): it is the same client. */
export function unmappedAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}
