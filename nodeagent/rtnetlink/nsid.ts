import { FLAG, MESSAGE, attributeMap, encodeInt32, readInt32, type Message, type Request } from './messages.js';

const RTGENMSG_BYTES = 4; // one byte, and three of padding
/** Linux include/uapi/linux/net_namespace.h. */
const ATTRIBUTE = { nsid: 1, pid: 2 } as const;
const WANTED = new Set<number>([ATTRIBUTE.nsid]);
/** In an answer: it has none. In a request: the kernel is to choose one. */
const NOT_ASSIGNED = -1;

/** The id that the socket's namespace has for the one of a process; needs no right. The pid is one of our own pid namespace. */
export function nsidRequest(pid: number): Request {
  const body = Buffer.concat([Buffer.alloc(RTGENMSG_BYTES), encodeInt32(ATTRIBUTE.pid, pid)]);
  return { type: MESSAGE.getNsid, flags: FLAG.request, body };
}

/** Gives that namespace an id, which it keeps for as long as it lives, and which keeps nothing alive. Needs CAP_NET_ADMIN. */
export function newNsidRequest(pid: number): Request {
  const nsid = encodeInt32(ATTRIBUTE.nsid, NOT_ASSIGNED);
  const body = Buffer.concat([Buffer.alloc(RTGENMSG_BYTES), nsid, encodeInt32(ATTRIBUTE.pid, pid)]);
  return { type: MESSAGE.newNsid, flags: FLAG.request | FLAG.ack, body };
}

/**
 * @returns undefined where the namespace has no id
 * @see Linux net/core/net_namespace.c, rtnl_net_fill()
 */
export function parseNsid({ type, body }: Pick<Message, 'type' | 'body'>): number | undefined {
  if (type !== MESSAGE.newNsid || body.length < RTGENMSG_BYTES) return undefined;
  const nsid = readInt32(attributeMap(body.subarray(RTGENMSG_BYTES), WANTED).get(ATTRIBUTE.nsid));
  return nsid === undefined || nsid < 0 ? undefined : nsid;
}
