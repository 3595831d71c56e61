import { isIP, isIPv4 } from 'node:net';

/** An IPv4 address, also where it was written within an IPv6 one (`::ffff:10.0.0.1`), or another IPv6 address. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** Addresses that host-local can give: from `start` to `end`, but for the gateway. */
export interface IpRange {
  readonly family: 4 | 6;
  readonly start: bigint;
  readonly end: bigint;
  /** Where it is one of them. */
  readonly gateway?: bigint;
  readonly size: bigint;
  /** `<first>-<last>` of those that can be given, as Go writes addresses. */
  readonly label: string;
}

/** What CNI configuration says of a range; undefined: it is left to the default. */
export interface RangeParts {
  readonly subnet: string;
  readonly rangeStart: string | undefined;
  readonly rangeEnd: string | undefined;
  readonly gateway: string | undefined;
}

const BITS = { 4: 32, 6: 128 } as const;
const GROUPS = 8;
const MAPPED = 0xffffn;

/** @returns undefined for what is no address; one with a zone (`fe80::1%eth0`) is none */
export function parseIp(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { family: 4, value: parseV4(text) };
  if (isIP(text) === 0 || text.includes('%')) return undefined;
  const value = parseV6(text);
  return value >> 32n === MAPPED ? { family: 4, value: value & 0xffff_ffffn } : { family: 6, value };
}

/** As Go writes it, which is how host-local names its files: RFC 5952. */
export function renderIp({ family, value }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
  const groups = Array.from({ length: GROUPS }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  const { at, length } = longestZeros(groups);
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, at).join(':')}::${groups.slice(at + length).join(':')}`;
}

/**
 * Makes a range as host-local does.
 * @throws {RangeError} where it refuses the configuration
 * @see containernetworking/plugins, plugins/ipam/host-local/backend/allocator/range.go, Canonicalize()
 */
export function rangeOf({ subnet, rangeStart, rangeEnd, gateway }: RangeParts): IpRange {
  const { family, network, broadcast } = parseSubnet(subnet);
  const inSubnet = (text: string, what: string): bigint => {
    const address = addressOf(text, what);
    if (address.family === family && address.value >= network && address.value <= broadcast) return address.value;
    throw new RangeError(`${what} ${text} is not in ${subnet}`);
  };
  const start = rangeStart === undefined ? network + 1n : inSubnet(rangeStart, 'rangeStart');
  const lastOne = family === 4 ? broadcast - 1n : broadcast;
  const end = rangeEnd === undefined ? lastOne : inSubnet(rangeEnd, 'rangeEnd');
  if (start > end) throw new RangeError(`the range of ${subnet} ends before it starts`);
  const given = gateway === undefined ? { family, value: network + 1n } : addressOf(gateway, 'gateway');
  const isWithin = given.family === family && given.value >= start && given.value <= end;
  return describeRange({ family, start, end, ...(isWithin && { gateway: given.value }) });
}

export function isInRange({ family, start, end, gateway }: IpRange, { family: other, value }: IpAddress): boolean {
  return family === other && value >= start && value <= end && value !== gateway;
}

/** Whether they have an address in common, the gateways included: host-local refuses such ranges. */
export function doOverlap(a: IpRange, b: IpRange): boolean {
  return a.family === b.family && a.start <= b.end && b.start <= a.end;
}

function describeRange(range: Omit<IpRange, 'size' | 'label'>): IpRange {
  const { family, start, end, gateway } = range;
  const size = end - start + (gateway === undefined ? 1n : 0n);
  const first = start === gateway && size > 0n ? start + 1n : start;
  const last = end === gateway && size > 0n ? end - 1n : end;
  const label = `${renderIp({ family, value: first })}-${renderIp({ family, value: last })}`;
  return { ...range, size, label };
}

function parseSubnet(text: string): { family: 4 | 6; network: bigint; broadcast: bigint } {
  const slash = text.indexOf('/');
  const address = parseIp(text.slice(0, Math.max(0, slash)));
  const length = /^\d{1,3}$/.test(text.slice(slash + 1)) ? Number(text.slice(slash + 1)) : NaN;
  // Go takes the length of ::ffff:10.0.0.0/120 for that of an IPv6 subnet, and host-local refuses the mixture.
  const isMapped = address?.family === 4 && text.includes(':');
  if (address === undefined || isMapped || !(length <= BITS[address.family]))
    throw new RangeError(`${text} is no subnet`);
  const { family, value } = address;
  const hostBits = BITS[family] - length;
  if (hostBits < 2) throw new RangeError(`${text} is too small`);
  const hosts = (1n << BigInt(hostBits)) - 1n;
  if ((value & hosts) !== 0n) throw new RangeError(`${text} has host bits set`);
  return { family, network: value, broadcast: value | hosts };
}

function addressOf(text: string, what: string): IpAddress {
  const address = parseIp(text);
  if (address === undefined) throw new RangeError(`${what} ${text} is no address`);
  return address;
}

function parseV4(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function parseV6(text: string): bigint {
  const [head = [], tail = []] = text.split('::').map(groupsOf);
  const missing = GROUPS - head.length - tail.length;
  const groups = [...head, ...Array<bigint>(missing).fill(0n), ...tail];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

/** An IPv4 address may stand in the place of the last two. */
function groupsOf(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [BigInt(`0x${part}`)];
    const value = parseV4(part);
    return [value >> 16n, value & 0xffffn];
  });
}

/** The first of the longest. */
function longestZeros(groups: readonly string[]): { readonly at: number; readonly length: number } {
  let longest = { at: 0, length: 0 };
  for (let at = 0; at < groups.length; at++) {
    let length = 0;
    while (groups[at + length] === '0') length++;
    if (length > longest.length) longest = { at, length };
  }
  return longest;
}
