import { ifReadable } from '../procfs/errors.js';
import type { ProcFs } from '../procfs/fs.js';
import { parseDefaultRoute, parseDefaultRoute6 } from '../procfs/route.js';
import { parseBonding, parseVlan } from '../procfs/stacking.js';
import type { SysFs } from '../sysfs/fs.js';
import { lowerDevicesOf } from '../sysfs/net-class.js';

/** What changes seldom in a network namespace. */
export interface NetnsLayout {
  /** Interface of the default route, IPv4 before IPv6; undefined where there is none, or the routes could not be read. */
  readonly defaultRoute: string | undefined;
  /** Interfaces that carry the traffic of others again, and which. */
  readonly lowerDevices: ReadonlyMap<string, readonly string[]>;
}

export interface LayoutQuery {
  /** Of the pod: an inode may come to mean another namespace. */
  readonly uid: string;
  readonly inode: number;
  /** A process of the namespace. */
  readonly pid: number;
  /** The interfaces it has now, in a stable order. */
  readonly interfaces: readonly string[];
}

interface Cached {
  readonly layout: NetnsLayout;
  readonly interfaces: string;
  readonly readMs: number;
}

/** A route may change without any interface coming or going. */
const REREAD_AFTER_MS = 10_000;

/**
 * Reads routes and stacking of network namespaces, again when the interfaces changed or ten seconds have passed.
 *
 * Stacking is known without a right for bonds and VLANs; for the namespace that sysfs was mounted in, also for bridges,
 * macvlans and the like.
 */
export class NetnsLayouts {
  readonly #procfs: ProcFs;
  readonly #sysfs: SysFs;
  readonly #cache = new Map<string, Cached>();

  constructor(procfs: ProcFs, sysfs: SysFs) {
    this.#procfs = procfs;
    this.#sysfs = sysfs;
  }

  layoutOf({ uid, inode, pid, interfaces }: LayoutQuery, nowMs: number): NetnsLayout {
    const names = interfaces.join(' ');
    const cached = this.#cache.get(uid);
    if (cached?.interfaces === names && nowMs - cached.readMs < REREAD_AFTER_MS) return cached.layout;
    const layout = {
      defaultRoute: this.#defaultRoute(pid),
      lowerDevices: new Map([...this.#procStacking(pid), ...this.#sysStacking(inode, interfaces)]),
    };
    this.#cache.set(uid, { layout, interfaces: names, readMs: nowMs });
    return layout;
  }

  /** Forgets the pods that are not among these. */
  keepOnly(uids: ReadonlySet<string>): void {
    for (const uid of this.#cache.keys()) {
      if (!uids.has(uid)) this.#cache.delete(uid);
    }
  }

  #defaultRoute(pid: number): string | undefined {
    const ipv4 = ifReadable(() => parseDefaultRoute(this.#procfs.readStart(`${pid}/net/route`)));
    return ipv4 ?? ifReadable(() => parseDefaultRoute6(this.#procfs.read(`${pid}/net/ipv6_route`)));
  }

  *#procStacking(pid: number): Iterable<[string, string[]]> {
    for (const [directory, parse] of [
      ['bonding', parseBonding],
      ['vlan', parseVlan],
    ] as const) {
      const path = `${pid}/net/${directory}`;
      for (const name of ifReadable(() => this.#procfs.list(path)) ?? []) {
        const lower = ifReadable(() => parse(this.#procfs.read(`${path}/${name}`))) ?? [];
        if (lower.length > 0) yield [name, lower];
      }
    }
  }

  /** sysfs shows the namespace it was mounted in: our own, where it lists the same interfaces. */
  *#sysStacking(inode: number, interfaces: readonly string[]): Iterable<[string, string[]]> {
    const own = ifReadable(() => this.#procfs.netInode('self'));
    const shown = own === inode ? ifReadable(() => this.#sysfs.netClass()) : undefined;
    if (shown === undefined || !interfaces.every((name) => shown.includes(name))) return;
    for (const name of interfaces) {
      const lower = lowerDevicesOf(ifReadable(() => this.#sysfs.netClassEntries(name)) ?? []);
      if (lower.length > 0) yield [name, lower];
    }
  }
}
