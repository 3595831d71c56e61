const U64_MAX = 2n ** 64n - 1n;

/** A counter as the kernel prints it; undefined of anything else, such as `N/A`, -1 or what no u64 can be. */
export function parseU64(text: string): bigint | undefined {
  const digits = text.trim();
  if (!/^[0-9]{1,20}$/.test(digits)) return undefined;
  const value = BigInt(digits);
  return value > U64_MAX ? undefined : value;
}
