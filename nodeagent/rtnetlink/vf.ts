import type { DeviceCounters, VfSettings } from '../devices/device.js';
import type { VfCounter } from '../../openapi/report-terms.js';
import {
  FLAG,
  MESSAGE,
  attributeMap,
  attributesOf,
  encodeInt32,
  readText,
  readUInt32,
  type Message,
  type Request,
} from './messages.js';

/** A physical function as RTM_GETLINK tells it when it is asked for the VFs, too. What the kernel left out is absent. */
export interface LinkVfs {
  readonly ifindex: number;
  readonly name: string;
  /** PCI address; of kernels since 5.14. */
  readonly parentDevice?: string;
  /** How many VFs there are. Those that the driver tells nothing of, and those lost to an overflow, are not in the list. */
  readonly declared: number;
  readonly vfs: readonly LinkVf[];
}

export interface LinkVf {
  readonly index: number;
  readonly settings: VfSettings;
  /** Zeros are what the kernel says of a driver that counts nothing, and of a count that failed. */
  readonly counters?: DeviceCounters;
}

const IFINFOMSG_BYTES = 16;
const IFINDEX_OFFSET = 4;
const AF_UNSPEC = 0;
/** Linux include/uapi/linux/if_link.h. */
const ATTRIBUTE = { address: 1, name: 3, numVf: 21, vfInfoList: 22, extMask: 29, parentDevice: 56 } as const;
const WANTED = new Set<number>(Object.values(ATTRIBUTE));
const WANTED_BEHIND = new Set<number>([ATTRIBUTE.parentDevice]);
/** Linux include/uapi/linux/rtnetlink.h. */
const RTEXT_FILTER_VF = 1;
const VF_INFO = 1;
const VF_ATTRIBUTE = { mac: 1, vlan: 2, txRate: 3, spoofCheck: 4, linkState: 5, rate: 6, stats: 8, trust: 9 } as const;
const WANTED_OF_VF = new Set<number>(Object.values(VF_ATTRIBUTE));
/** Each is a structure that begins with the index of the VF, a u32. */
const INDEX_BYTES = 4;
const LINK_STATES = ['auto', 'enable', 'disable'] as const;
/** What the kernel presets a setting to, that not every driver has. */
const NOT_TOLD = 0xffff_ffff;
const MAX_VLAN = 4_095;

const ETHERNET_ADDRESS_BYTES = 6;
const INFINIBAND_ADDRESS_BYTES = 20;

/** IFLA_VF_STATS_*; 6 is padding. The kernel does not say of which direction broadcasts are: drivers give those received. */
const COUNTERS: ReadonlyMap<number, VfCounter> = new Map([
  [0, 'receivePackets'],
  [1, 'transmitPackets'],
  [2, 'receiveBytes'],
  [3, 'transmitBytes'],
  [4, 'receiveBroadcastPackets'],
  [5, 'receiveMulticastPackets'],
  [7, 'receivePacketsDropped'],
  [8, 'transmitPacketsDropped'],
]);
const COUNTER_BYTES = 8;

/** What the length of an attribute, of 16 bits, wraps at. */
const LENGTH_WRAPS_AT = 0x1_0000;

/** One link of the socket's own namespace, with its VFs. */
export function vfRequest(ifindex: number): Request {
  const body = vfRequestBody();
  body.writeInt32LE(ifindex, IFINDEX_OFFSET);
  return { type: MESSAGE.getLink, flags: FLAG.request, body };
}

/** All links of the socket's own namespace, with their VFs. */
export function vfDumpRequest(): Request {
  return { type: MESSAGE.getLink, flags: FLAG.request | FLAG.dump, body: vfRequestBody() };
}

function vfRequestBody(): Buffer {
  return Buffer.concat([Buffer.alloc(IFINFOMSG_BYTES), encodeInt32(ATTRIBUTE.extMask, RTEXT_FILTER_VF)]);
}

/**
 * @returns undefined of any other message, and of a link without VFs
 * @see Linux net/core/rtnetlink.c, rtnl_fill_vf() and rtnl_fill_vfinfo()
 */
export function parseVfs({ type, body }: Pick<Message, 'type' | 'body'>): LinkVfs | undefined {
  if (type !== MESSAGE.newLink || body.length < IFINFOMSG_BYTES || body.readUInt8(0) !== AF_UNSPEC) return undefined;
  const bytes = body.subarray(IFINFOMSG_BYTES);
  const attributes = attributeMap(bytes, WANTED);
  const declared = readUInt32(attributes.get(ATTRIBUTE.numVf)) ?? 0;
  const ifindex = body.readInt32LE(IFINDEX_OFFSET);
  const name = readText(attributes.get(ATTRIBUTE.name)) ?? '';
  if (declared === 0 || ifindex <= 0 || name === '') return undefined;
  const list = listOf(bytes, attributes.get(ATTRIBUTE.vfInfoList), declared);
  const address = attributes.get(ATTRIBUTE.address);
  // the attributes behind a list that overflowed begin where it really ends
  const behind = list.overflow === undefined ? attributes : attributeMap(list.overflow, WANTED_BEHIND);
  const parentDevice = readText(behind.get(ATTRIBUTE.parentDevice));
  return {
    ...{ ifindex, name, declared },
    ...(parentDevice !== undefined && parentDevice !== '' && { parentDevice }),
    vfs: list.entries.map(({ index, attributes: ofVf }) => {
      const counters = countersOf(ofVf.get(VF_ATTRIBUTE.stats));
      return { index, settings: settingsOf(ofVf, address), ...(counters && { counters }) };
    }),
  };
}

interface Entry {
  readonly index: number;
  readonly attributes: ReadonlyMap<number, Buffer>;
}

interface List {
  readonly entries: readonly Entry[];
  /** The bytes behind it, of one that is longer than it says; none where its end is not certain. */
  readonly overflow?: Buffer;
}

/**
 * The entries of IFLA_VFINFO_LIST, by their index; of two with one index the first.
 *
 * Of some 222 VFs of 296 bytes the list is longer than the 16 bits of its length can say, and the kernel writes the lowest 16: the other
 * entries stand behind those that the length has room for, without a gap. They are taken for as long as they are entries of VFs with
 * rising indices, and only if the length that they add up to has the same lowest 16 bits. The kernel leaves out VFs whose driver fails.
 */
function listOf(bytes: Buffer, list: Buffer | undefined, declared: number): List {
  if (list === undefined) return { entries: [] };
  const start = list.byteOffset - bytes.byteOffset;
  const statedEnd = start + list.length;
  const inside = new Map<number, Entry>();
  const behind = new Map<number, Entry>();
  let end = start;
  let last = -1;
  for (const { type, value } of attributesOf(bytes.subarray(start))) {
    if (end >= statedEnd && inside.size + behind.size >= declared) break;
    const entry = type === VF_INFO ? entryOf(value) : undefined;
    const entryEnd = value.byteOffset + value.length - bytes.byteOffset;
    const isInside = entryEnd <= statedEnd;
    if (entry === undefined || (!isInside && entry.index <= last)) break;
    end = entryEnd;
    last = Math.max(last, entry.index);
    const known = isInside ? inside : behind;
    if (entry.index < declared && !inside.has(entry.index)) known.set(entry.index, entry);
  }
  if (behind.size === 0) return { entries: [...inside.values()] };
  const isWhole = (end - statedEnd) % LENGTH_WRAPS_AT === 0;
  if (!isWhole) return { entries: [...inside.values()], overflow: Buffer.alloc(0) };
  return { entries: [...inside.values(), ...behind.values()], overflow: bytes.subarray(end) };
}

/** @returns undefined where it does not say which VF it is of */
function entryOf(value: Buffer): Entry | undefined {
  const attributes = attributeMap(value, WANTED_OF_VF);
  const index = readUInt32(attributes.get(VF_ATTRIBUTE.mac));
  return index === undefined ? undefined : { index, attributes };
}

/** @param ownAddress of the physical function: as long as the address of the VF, whose place has always 32 bytes */
function settingsOf(attributes: ReadonlyMap<number, Buffer>, ownAddress: Buffer | undefined): VfSettings {
  const numberOf = (attribute: keyof typeof VF_ATTRIBUTE, at = 0): number | undefined =>
    readUInt32(attributes.get(VF_ATTRIBUTE[attribute])?.subarray(INDEX_BYTES + 4 * at));
  const flagOf = (attribute: 'spoofCheck' | 'trust'): boolean | undefined => {
    const value = numberOf(attribute);
    return value === undefined || value === NOT_TOLD ? undefined : value !== 0;
  };
  const vlan = numberOf('vlan');
  return present({
    mac: macOf(attributes.get(VF_ATTRIBUTE.mac)?.subarray(INDEX_BYTES), ownAddress),
    vlan: vlan !== undefined && vlan <= MAX_VLAN ? vlan : undefined,
    linkState: LINK_STATES[numberOf('linkState') ?? -1],
    spoofCheck: flagOf('spoofCheck'),
    trust: flagOf('trust'),
    minTransmitRateMbps: numberOf('rate'),
    maxTransmitRateMbps: numberOf('rate', 1) ?? numberOf('txRate'),
  });
}

/** Lower case, with colons. For a VF of an InfiniBand device the kernel gives the address of the PF (ipoib_get_vf_config()): that is none. */
function macOf(value: Buffer | undefined, ownAddress: Buffer | undefined): string | undefined {
  const length = ownAddress?.length ?? ETHERNET_ADDRESS_BYTES;
  if (value === undefined || value.length < length) return undefined;
  if (length < ETHERNET_ADDRESS_BYTES || length > INFINIBAND_ADDRESS_BYTES) return undefined;
  const address = value.subarray(0, length);
  const isOwn = length > ETHERNET_ADDRESS_BYTES && ownAddress?.equals(address) === true;
  if (isOwn || address.every((byte) => byte === 0)) return undefined;
  return address.toString('hex').replace(/..(?=.)/g, '$&:');
}

/** @returns undefined where there are none */
function countersOf(stats: Buffer | undefined): DeviceCounters | undefined {
  if (stats === undefined) return undefined;
  const counters = new Map<VfCounter, bigint>();
  for (const { type, value } of attributesOf(stats)) {
    const name = COUNTERS.get(type);
    if (name === undefined || counters.has(name) || value.length < COUNTER_BYTES) continue;
    counters.set(name, value.readBigUInt64LE(0));
  }
  return counters.size === 0 ? undefined : counters;
}

type Partly<T> = { readonly [Key in keyof T]: T[Key] | undefined };

function present(settings: Partly<Required<VfSettings>>): VfSettings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
