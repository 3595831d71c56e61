import {
  FLAG,
  MESSAGE,
  attributeMap,
  encodeInt32,
  readInt32,
  readText,
  readUInt32,
  type Message,
  type Request,
} from './messages.js';

/** An interface as RTM_GETLINK tells it. What the kernel left out is absent. */
export interface Link {
  readonly ifindex: number;
  readonly name: string;
  /** IFF_UP and the like. */
  readonly flags: number;
  /** veth, bridge, tun, macvlan, …; absent of hardware and of what has no kind. */
  readonly kind?: string;
  /** ifindex of the peer of a veth, of the parent of a VLAN or macvlan. */
  readonly link?: number;
  /** Namespace of `link`, where it is another than the interface's own; an id of the namespace of the socket that asked. */
  readonly linkNetnsid?: number;
  /** ifindex of the bridge or bond that it is part of. */
  readonly master?: number;
  /** Bus address of the device behind it, such as 0000:01:00.0. */
  readonly parentDevice?: string;
  /** The namespace that was asked for by its id. */
  readonly targetNetnsid?: number;
}

const IFINFOMSG_BYTES = 16;
/** Linux include/uapi/linux/if_link.h. */
const ATTRIBUTE = {
  name: 3,
  link: 5,
  master: 10,
  linkInfo: 18,
  linkNetnsid: 37,
  targetNetnsid: 46,
  parentDevice: 56,
} as const;
const WANTED = new Set<number>(Object.values(ATTRIBUTE));
const INFO_KIND = 1;
const WANTED_INFO = new Set([INFO_KIND]);

/**
 * All links of the socket's own namespace, or of one that has an id in it. Without IFLA_EXT_MASK, whatever it asks for or leaves out:
 * with one, each answer of another namespace first sizes up all links of our own (of 400: 75 µs for a pod, and 26 without).
 */
export function linkDumpRequest(targetNetnsid?: number): Request {
  const target = targetNetnsid === undefined ? [] : [encodeInt32(ATTRIBUTE.targetNetnsid, targetNetnsid)];
  const body = Buffer.concat([Buffer.alloc(IFINFOMSG_BYTES), ...target]);
  return { type: MESSAGE.getLink, flags: FLAG.request | FLAG.dump, body };
}

/**
 * @returns undefined of any other message, and of one without an ifindex or a name
 * @see Linux net/core/rtnetlink.c, rtnl_fill_ifinfo()
 */
export function parseLink({ type, body }: Pick<Message, 'type' | 'body'>): Link | undefined {
  if (type !== MESSAGE.newLink || body.length < IFINFOMSG_BYTES) return undefined;
  const attributes = attributeMap(body.subarray(IFINFOMSG_BYTES), WANTED);
  const ifindex = body.readInt32LE(4);
  const name = readText(attributes.get(ATTRIBUTE.name)) ?? '';
  if (ifindex <= 0 || name === '') return undefined;
  const info = attributes.get(ATTRIBUTE.linkInfo);
  return {
    ifindex,
    name,
    flags: body.readUInt32LE(8),
    ...present('kind', info && readText(attributeMap(info, WANTED_INFO).get(INFO_KIND))),
    ...present('link', readUInt32(attributes.get(ATTRIBUTE.link))),
    ...present('linkNetnsid', readInt32(attributes.get(ATTRIBUTE.linkNetnsid))),
    ...present('master', readUInt32(attributes.get(ATTRIBUTE.master))),
    ...present('parentDevice', readText(attributes.get(ATTRIBUTE.parentDevice))),
    ...present('targetNetnsid', readInt32(attributes.get(ATTRIBUTE.targetNetnsid))),
  };
}

function present<Key extends string, Value>(key: Key, value: Value | undefined): Partial<Record<Key, Value>> {
  return value === undefined ? {} : ({ [key]: value } as Record<Key, Value>);
}
