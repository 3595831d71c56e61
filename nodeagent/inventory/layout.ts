import { ifReadable } from '../procfs/errors.js';
import type { ProcFs } from '../procfs/fs.js';
import { parseDefaultRoute, parseDefaultRoute6 } from '../procfs/route.js';
import { parseBonding, parseVlan } from '../procfs/stacking.js';
import type { SysFs } from '../sysfs/fs.js';
import { lowerDevicesOf } from '../sysfs/net-class.js';
import type { Link } from '../rtnetlink/link.js';
import { kataStacking } from './kata-names.js';
import { kubevirtStacking } from './kubevirt-names.js';
import type { PodLinks } from './pod-links.js';
import { stackingOf } from './pod-stacking.js';

/** What changes seldom in a network namespace. */
export interface NetnsLayout {
  /** Interface of the default route, IPv4 before IPv6; undefined where there is none, or the routes could not be read. */
  readonly defaultRoute: string | undefined;
  /** Interfaces that carry the traffic of others again, and which. */
  readonly lowerDevices: ReadonlyMap<string, readonly string[]>;
  /** VLANs of which procfs tells the name of the parent, and not whether the parent is in this namespace. */
  readonly unproven: ReadonlySet<string>;
  /** ifindex by name, of those that LayoutQuery has none for; as new as the query. */
  readonly indexes: ReadonlyMap<string, number>;
}

export interface LayoutQuery {
  /** Of the pod: an inode may come to mean another namespace. */
  readonly uid: string;
  readonly inode: number;
  /** A process of the namespace. */
  readonly pid: number;
  /** The interfaces it has now, in a stable order. */
  readonly interfaces: readonly string[];
  /** What is known of them already: ifindex by name. */
  readonly indexes: ReadonlyMap<string, number>;
}

interface Cached {
  readonly layout: NetnsLayout;
  /** Whether netlink told it. */
  readonly isTold: boolean;
  /** With what is known of their indexes: another one of the same name is a change. */
  readonly interfaces: string;
  /** Since when these are its interfaces. */
  readonly sinceMs: number;
  readonly readMs: number;
}

const NO_INDEXES: ReadonlyMap<string, number> = new Map();
/** A route may change without any interface coming or going, and is soonest to while a pod is being set up. */
const REREAD_YOUNG_MS = 10_000;
const REREAD_MS = 60_000;
const YOUNG_MS = 120_000;
/** For how long links that kept changing while they were listed are not listed again. */
const REST_MS = 60_000;
const LOOPBACK = 'lo';

/**
 * Reads routes and stacking of network namespaces, again when the interfaces changed, ten seconds have passed, or, where the interfaces have
 * been the same for two minutes, one minute has.
 *
 * Stacking is known without a right for bonds and VLANs, and by name for the virtual machines of KubeVirt; for the namespace that sysfs
 * was mounted in, also for bridges, macvlans and the like. Where netlink tells the links of a namespace, nothing else is asked; when it
 * fails, what it told of the same interfaces stays: a sum would jump when they are no longer known to be stacked.
 */
export class NetnsLayouts {
  readonly #procfs: ProcFs;
  readonly #sysfs: SysFs;
  readonly #podLinks: Pick<PodLinks, 'linksOf'> | undefined;
  readonly #cache = new Map<string, Cached>();
  /** When the links of a pod may be listed again, by uid. */
  readonly #restUntilMs = new Map<string, number>();
  #own: number | undefined;

  constructor(procfs: ProcFs, sysfs: SysFs, podLinks?: Pick<PodLinks, 'linksOf'>) {
    this.#procfs = procfs;
    this.#sysfs = sysfs;
    this.#podLinks = podLinks;
  }

  /** @returns changing: these are not its interfaces any more, or did not stand still long enough to tell what is stacked on what */
  layoutOf(query: LayoutQuery, nowMs: number): NetnsLayout | 'changing' {
    const { uid, pid, interfaces, indexes } = query;
    const names = interfaces.map((name) => `${name} ${indexes.get(name) ?? ''}`).join(' ');
    const cached = this.#cache.get(uid);
    const isSame = cached?.interfaces === names;
    const sinceMs = isSame ? cached.sinceMs : nowMs;
    const rereadMs = nowMs - sinceMs < YOUNG_MS ? REREAD_YOUNG_MS : REREAD_MS;
    const isFresh = isSame && nowMs - cached.readMs < rereadMs;
    // an ifindex proves that a counter is not another one: of ten seconds ago it proves nothing
    const wantsIndexes = this.#podLinks !== undefined && interfaces.some((name) => !indexes.has(name));
    if (isFresh && !wantsIndexes) return cached.layout;
    const links = this.#linksOf(query, nowMs);
    if (links === 'changing') return links;
    if (!Array.isArray(links)) {
      if (isFresh) return { ...cached.layout, indexes: NO_INDEXES };
      if (isSame && cached.isTold) {
        return { ...cached.layout, defaultRoute: this.#defaultRoute(pid), indexes: NO_INDEXES };
      }
      if (links === 'restless') return 'changing';
    }
    const layout = this.#read(query, links, isFresh ? cached.layout : undefined);
    const readMs = isFresh ? cached.readMs : nowMs;
    this.#cache.set(uid, { layout, isTold: links !== undefined, interfaces: names, sinceMs, readMs });
    return layout;
  }

  forget(uid: string): void {
    this.#cache.delete(uid);
  }

  /** Forgets the pods that are not among these. */
  keepOnly(uids: ReadonlySet<string>): void {
    for (const uid of this.#cache.keys()) {
      if (!uids.has(uid)) this.#cache.delete(uid);
    }
    for (const uid of this.#restUntilMs.keys()) {
      if (!uids.has(uid)) this.#restUntilMs.delete(uid);
    }
  }

  /** @param known what was read lately, where only the links are new */
  #read(query: LayoutQuery, links: readonly Link[] | undefined, known: NetnsLayout | undefined): NetnsLayout {
    const { inode, pid, interfaces, indexes } = query;
    const defaultRoute = known === undefined ? this.#defaultRoute(pid) : known.defaultRoute;
    if (links !== undefined) {
      const unknown = links.filter(({ name }) => !indexes.has(name));
      return {
        defaultRoute,
        lowerDevices: new Map([...kataStacking(interfaces), ...stackingOf(links, defaultRoute)]),
        unproven: new Set(),
        indexes: new Map(unknown.map(({ name, ifindex }) => [name, ifindex])),
      };
    }
    const vlans = new Map(this.#stackingIn(`${pid}/net/vlan`, parseVlan));
    const proven = new Map<string, readonly string[]>([
      ...kataStacking(interfaces),
      ...kubevirtStacking(interfaces),
      ...this.#stackingIn(`${pid}/net/bonding`, parseBonding),
      ...this.#sysStacking(inode, interfaces),
    ]);
    return {
      defaultRoute,
      lowerDevices: new Map([...vlans, ...proven]),
      unproven: new Set([...vlans.keys()].filter((name) => !proven.has(name))),
      indexes: NO_INDEXES,
    };
  }

  #linksOf(query: LayoutQuery, nowMs: number): Link[] | 'changing' | 'restless' | undefined {
    const { uid, inode, pid } = query;
    if (this.#podLinks === undefined || inode === this.#ownInode()) return undefined;
    if (nowMs < (this.#restUntilMs.get(uid) ?? -Infinity)) return 'restless';
    const links = this.#podLinks.linksOf(pid, nowMs);
    if (links === 'restless') this.#restUntilMs.set(uid, nowMs + REST_MS);
    return Array.isArray(links) && !isOf(links, query) ? 'changing' : links;
  }

  /** We never leave our namespace. */
  #ownInode(): number | undefined {
    this.#own ??= ifReadable(() => this.#procfs.netInode('self'));
    return this.#own;
  }

  #defaultRoute(pid: number): string | undefined {
    const ipv4 = ifReadable(() => parseDefaultRoute(this.#procfs.readStart(`${pid}/net/route`)));
    return ipv4 ?? ifReadable(() => parseDefaultRoute6(this.#procfs.read(`${pid}/net/ipv6_route`)));
  }

  *#stackingIn(path: string, parse: (text: string) => string[]): Iterable<[string, string[]]> {
    for (const name of ifReadable(() => this.#procfs.list(path)) ?? []) {
      const lower = ifReadable(() => parse(this.#procfs.read(`${path}/${name}`))) ?? [];
      if (lower.length > 0) yield [name, lower];
    }
  }

  /** sysfs shows the namespace it was mounted in: our own, where it lists the same interfaces. */
  *#sysStacking(inode: number, interfaces: readonly string[]): Iterable<[string, string[]]> {
    const shown = inode === this.#ownInode() ? ifReadable(() => this.#sysfs.netClass()) : undefined;
    if (shown === undefined || !interfaces.every((name) => shown.includes(name))) return;
    for (const name of interfaces) {
      const lower = lowerDevicesOf(ifReadable(() => this.#sysfs.netClassEntries(name)) ?? []);
      if (lower.length > 0) yield [name, lower];
    }
  }
}

/** Whether they are the interfaces that were read just before. */
function isOf(links: readonly Link[], { interfaces, indexes }: LayoutQuery): boolean {
  const found = new Map(links.flatMap(({ name, ifindex }) => (name === LOOPBACK ? [] : [[name, ifindex]])));
  return (
    found.size === interfaces.length &&
    interfaces.every((name) => found.has(name) && (indexes.get(name) ?? found.get(name)) === found.get(name))
  );
}
