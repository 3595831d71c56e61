const ATTRIBUTE = { address: 1, name: 3, numVf: 21, vfInfoList: 22 } as const;
const VF_INFO = 1;
const VF_MAC = 1;
/** Of IFLA_VF_MAC, whatever the address needs. */
const MAC_BYTES = 32;

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** With its header, and padded to four bytes. */
export function encodeAttribute(type: number, value: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(header.length + value.length, 0);
  header.writeUInt16LE(type, 2);
  return Buffer.concat([header, value, Buffer.alloc(-value.length & 3)]);
}

/** An attribute of IFLA_VF_INFO that holds numbers. */
export function vfSetting(type: number, index: number, ...values: readonly number[]): Buffer {
  return encodeAttribute(type, Buffer.concat([index, ...values].map(u32)));
}

/** One entry of IFLA_VFINFO_LIST. */
export function vfInfo(index: number, mac = Buffer.alloc(6), ...attributes: readonly Buffer[]): Buffer {
  const address = Buffer.concat([u32(index), mac, Buffer.alloc(MAC_BYTES - mac.length)]);
  return encodeAttribute(VF_INFO, Buffer.concat([encodeAttribute(VF_MAC, address), ...attributes]));
}

export interface LinkOfVfs {
  readonly ifindex?: number;
  readonly name?: string;
  readonly address?: Buffer;
  readonly numVf: number;
  /** Without them there is no list. */
  readonly vfs?: readonly Buffer[];
  /** Attributes behind the list. */
  readonly behind?: readonly Buffer[];
}

/** The body of RTM_NEWLINK of a physical function, as rtnl_fill_ifinfo() orders it. */
export function linkBody({ ifindex = 7, name = 'pf0', address, numVf, vfs, behind = [] }: LinkOfVfs): Buffer {
  return Buffer.concat([
    ...[u32(0), u32(ifindex), u32(0), u32(0)],
    encodeAttribute(ATTRIBUTE.name, Buffer.from(`${name}\0`)),
    ...(address === undefined ? [] : [encodeAttribute(ATTRIBUTE.address, address)]),
    encodeAttribute(ATTRIBUTE.numVf, u32(numVf)),
    ...(vfs === undefined ? [] : [encodeAttribute(ATTRIBUTE.vfInfoList, Buffer.concat(vfs))]),
    ...behind,
  ]);
}
