import { NetlinkRefusedError } from '../rtnetlink/errors.js';
import { linkDumpRequest, linkRequest, parseLink, parseLinkEvent, type Link } from '../rtnetlink/link.js';
import { MESSAGE, type Message } from '../rtnetlink/messages.js';
import { nsidRequest, parseNsid } from '../rtnetlink/nsid.js';
import type { RtnetlinkSocket } from '../rtnetlink/socket.js';
import { tellFailure, type NetlinkState } from './netlink-state.js';

export interface HostInterfacesDeps {
  /** Of the node's namespace: what is in it has no other end elsewhere that is looked for. */
  readonly ownInode: number;
  /** In the node's network namespace. */
  readonly socket: RtnetlinkSocket;
  /** A socket of {@link LINK_EVENTS}. */
  readonly events: RtnetlinkSocket;
  readonly state: NetlinkState;
}

/** A network namespace, and a process that is in it while it is asked for. */
export interface NetnsAtHand {
  readonly inode: number;
  readonly pid: number;
}

/** RTNLGRP_LINK and RTNLGRP_NSID. */
export const LINK_EVENTS = (1 << (1 - 1)) | (1 << (28 - 1));
/** Kinds whose `link` is the other end, not a parent. */
const PAIRS = new Set(['veth', 'netkit']);
/** A peer that is down moves without an event. */
const DUMP_AFTER_MS = 60_000;
/**
 * One for what changed since the last sweep, the others for what changes during this one; then ends are asked for one by one. A dump of
 * 400 links takes some 3 ms.
 */
const DUMPS_PER_SWEEP = 3;

/** One end of a pair in the node's namespace; the other may be there too, and go into the one of a pod. */
type Pair = Pick<Link, 'ifindex' | 'name' | 'link' | 'linkNetnsid'>;
type Names = ReadonlyMap<number, string>;
const NO_NAMES: Names = new Map();

/**
 * The other end, in the node's namespace, of interfaces in the namespaces of pods, whatever it is called: the pair is known by the id
 * that the node's namespace has for the pod's, and by the ifindex in it. Needs no right (measured as uid 65534 without a capability on
 * Linux 6.18); neither dump nor id keeps a namespace alive.
 */
export class HostInterfaces {
  readonly #deps: HostInterfacesDeps;
  /** As of the last dump, by their own ifindex. */
  #pairs: ReadonlyMap<number, Pair> = new Map();
  /** Those into other namespaces: by id of the namespace, then by ifindex in it. */
  #names = new Map<number, Map<number, string>>();
  /** Ids by inode, as of the last dump; undefined of a namespace without one. */
  readonly #nsids = new Map<number, number | undefined>();
  #dumpedMs = -Infinity;
  #sweepMs = -Infinity;
  #dumps = 0;
  #isStale = true;
  /** The sweep in which something failed: what fails for one pod fails, and may take its time, for each. */
  #failedMs = -Infinity;

  constructor(deps: HostInterfacesDeps) {
    this.#deps = deps;
  }

  /**
   * Names by ifindex in the namespace; none where it has no pair into the node's namespace, or nothing is certain now.
   * @param nowMs the same throughout a sweep
   */
  namesOf({ inode, pid }: NetnsAtHand, nowMs: number): Names {
    const { ownInode, state } = this.#deps;
    if (inode === ownInode || nowMs === this.#failedMs) return NO_NAMES;
    try {
      const names = this.#namesOf({ inode, pid }, nowMs);
      state.up();
      return names;
    } catch (error) {
      if (!(error instanceof NetlinkRefusedError)) {
        this.#isStale = true;
        this.#failedMs = nowMs;
      }
      tellFailure(state, error);
      return NO_NAMES;
    }
  }

  close(): void {
    this.#deps.socket.close();
    this.#deps.events.close();
  }

  #namesOf(netns: NetnsAtHand, nowMs: number): Names {
    if (nowMs !== this.#sweepMs) this.#dumps = 0;
    if (nowMs - this.#dumpedMs >= DUMP_AFTER_MS) this.#isStale = true;
    this.#sweepMs = nowMs;
    for (;;) {
      this.#look();
      if (this.#isStale && !this.#refresh(nowMs)) return this.#askNames(netns);
      const nsid = this.#nsidOf(netns);
      // an id is given anew when its namespace is gone: it and the dump have to be of one time
      this.#look();
      if (!this.#isStale) return nsid === undefined ? NO_NAMES : (this.#names.get(nsid) ?? NO_NAMES);
    }
  }

  #look(): void {
    if (this.#deps.events.hasEvents((message) => this.#isChange(message))) this.#isStale = true;
  }

  /**
   * Whether it can make a known answer wrong. A new id cannot: it is of a namespace that had none. Nor can an interface that only goes up
   * and down, which a pod can have its own do all the time.
   */
  #isChange(message: Message): boolean {
    if (message.type === MESSAGE.delNsid) return true;
    const event = parseLinkEvent(message);
    if (event === undefined) return false;
    const pair = event.link && pairOf(event.link);
    return !isSamePair(this.#pairs.get(event.ifindex), pair);
  }

  /** @returns false when this sweep has had its dumps */
  #refresh(nowMs: number): boolean {
    if (this.#dumps >= DUMPS_PER_SWEEP) return false;
    this.#dumps++;
    this.#nsids.clear();
    const pairs = this.#deps.socket.dump(linkDumpRequest(), parsePair);
    this.#pairs = new Map(pairs.map((pair) => [pair.ifindex, pair]));
    this.#names = groupPairs(pairs);
    this.#dumpedMs = nowMs;
    this.#isStale = false;
    return true;
  }

  #nsidOf({ inode, pid }: NetnsAtHand): number | undefined {
    if (this.#nsids.has(inode)) return this.#nsids.get(inode);
    const nsid = this.#askNsid(pid);
    this.#nsids.set(inode, nsid);
    return nsid;
  }

  #askNsid(pid: number): number | undefined {
    const answer = this.#deps.socket.ask(nsidRequest(pid));
    return answer === undefined ? undefined : parseNsid(answer);
  }

  /**
   * What the last dump says of one namespace, as far as it still holds: asked end by end, whatever else happens meanwhile. The id is that
   * of this namespace for as long as the process is in it.
   */
  #askNames({ pid }: NetnsAtHand): Names {
    const nsid = this.#askNsid(pid);
    const names = new Map<number, string>();
    if (nsid === undefined) return names;
    for (const pair of this.#pairs.values()) {
      if (pair.linkNetnsid !== nsid || pair.link === undefined) continue;
      if (isSamePair(pair, this.#askPair(pair.ifindex))) names.set(pair.link, pair.name);
    }
    return names;
  }

  #askPair(ifindex: number): Pair | undefined {
    try {
      const answer = this.#deps.socket.ask(linkRequest(ifindex));
      return answer && parsePair(answer);
    } catch (error) {
      if (error instanceof NetlinkRefusedError) return undefined; // it is gone
      throw error;
    }
  }
}

function parsePair(message: Message): Pair | undefined {
  const link = parseLink(message);
  return link && pairOf(link);
}

function pairOf({ ifindex, name, kind = '', link, linkNetnsid }: Link): Pair | undefined {
  if (!PAIRS.has(kind)) return undefined;
  return { ifindex, name, ...(link !== undefined && { link }), ...(linkNetnsid !== undefined && { linkNetnsid }) };
}

function isSamePair(a: Pair | undefined, b: Pair | undefined): boolean {
  return a?.ifindex === b?.ifindex && a?.name === b?.name && a?.link === b?.link && a?.linkNetnsid === b?.linkNetnsid;
}

function groupPairs(pairs: readonly Pair[]): Map<number, Map<number, string>> {
  const names = new Map<number, Map<number, string>>();
  for (const { name, link, linkNetnsid } of pairs) {
    if (link === undefined || linkNetnsid === undefined || linkNetnsid < 0) continue;
    const inNetns = names.get(linkNetnsid) ?? new Map<number, string>();
    names.set(linkNetnsid, inNetns.set(link, name));
  }
  return names;
}
