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
  /** veth, bridge, tun, macvlan, …; absent of hardware and of what has no kind. */
  readonly kind?: string;
  /** ifindex of the peer of a veth, of the parent of a VLAN or macvlan. */
  readonly link?: number;
  /** Namespace of `link`, where it is another than the interface's own; an id of the namespace of the socket that asked. */
  readonly linkNetnsid?: number;
  /** ifindex of the bridge or bond that it is part of. */
  readonly master?: number;
  /** The namespace that was asked for by its id. */
  readonly targetNetnsid?: number;
}

/** What happened to an interface. */
export interface LinkEvent {
  readonly ifindex: number;
  /** As it is now; absent: it is gone from the namespace. */
  readonly link?: Link;
}

const IFINFOMSG_BYTES = 16;
const IFINDEX_OFFSET = 4;
const AF_UNSPEC = 0;
/** Linux include/uapi/linux/if_link.h. */
const ATTRIBUTE = {
  name: 3,
  link: 5,
  master: 10,
  linkInfo: 18,
  linkNetnsid: 37,
  targetNetnsid: 46,
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

/** One link of the socket's own namespace. */
export function linkRequest(ifindex: number): Request {
  const body = Buffer.alloc(IFINFOMSG_BYTES);
  body.writeInt32LE(ifindex, IFINDEX_OFFSET);
  return { type: MESSAGE.getLink, flags: FLAG.request, body };
}

/**
 * @returns undefined of any other message; so of those of a bridge, which tell of its ports, with a part of what a link is
 * @see Linux net/bridge/br_netlink.c, br_info_notify()
 */
export function parseLinkEvent({ type, body }: Pick<Message, 'type' | 'body'>): LinkEvent | undefined {
  if (body.length < IFINFOMSG_BYTES || body.readUInt8(0) !== AF_UNSPEC) return undefined;
  if (type === MESSAGE.delLink) return { ifindex: body.readInt32LE(IFINDEX_OFFSET) };
  const link = parseLink({ type, body });
  return link && { ifindex: link.ifindex, link };
}

/**
 * @returns undefined of any other message, and of one without an ifindex or a name
 * @see Linux net/core/rtnetlink.c, rtnl_fill_ifinfo()
 */
export function parseLink({ type, body }: Pick<Message, 'type' | 'body'>): Link | undefined {
  if (type !== MESSAGE.newLink || body.length < IFINFOMSG_BYTES) return undefined;
  const attributes = attributeMap(body.subarray(IFINFOMSG_BYTES), WANTED);
  const ifindex = body.readInt32LE(IFINDEX_OFFSET);
  const name = readText(attributes.get(ATTRIBUTE.name)) ?? '';
  if (ifindex <= 0 || name === '') return undefined;
  const info = attributes.get(ATTRIBUTE.linkInfo);
  return {
    ifindex,
    name,
    ...present('kind', info && readText(attributeMap(info, WANTED_INFO).get(INFO_KIND))),
    ...present('link', readUInt32(attributes.get(ATTRIBUTE.link))),
    ...present('linkNetnsid', readInt32(attributes.get(ATTRIBUTE.linkNetnsid))),
    ...present('master', readUInt32(attributes.get(ATTRIBUTE.master))),
    ...present('targetNetnsid', readInt32(attributes.get(ATTRIBUTE.targetNetnsid))),
  };
}

function present<Key extends string, Value>(key: Key, value: Value | undefined): Partial<Record<Key, Value>> {
  return value === undefined ? {} : ({ [key]: value } as Record<Key, Value>);
}
