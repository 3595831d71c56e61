import type { DeviceCounters, PhysicalFunction, VfSettings } from '../devices/device.js';
import { errorMessage } from '../../runtime/logger.js';
import { NetlinkError, NetlinkParseError, NetlinkRefusedError } from '../rtnetlink/errors.js';
import { parseLink } from '../rtnetlink/link.js';
import type { RtnetlinkSocket } from '../rtnetlink/socket.js';
import { parseVfs, vfDumpRequest, vfRequest, type LinkVfs } from '../rtnetlink/vf.js';
import { tellFailure, type NetlinkState } from './netlink-state.js';

export interface VfLinksDeps {
  /** Asked once, when there is a VF: what it loads stays away from nodes without one. @throws where there is no netlink */
  readonly connect: () => Promise<RtnetlinkSocket>;
  readonly state: NetlinkState;
}

/** What a physical function says of one of its VFs. */
export interface VfOfPf {
  readonly settings: VfSettings;
  readonly counters?: DeviceCounters;
}

/** By PCI address of the physical function, then by index of the VF. Whatever could not be read is not there. */
export type VfsByPf = ReadonlyMap<string, ReadonlyMap<number, VfOfPf>>;

interface LinkedPf {
  readonly pf: PhysicalFunction;
  readonly name: string;
  readonly ifindex: number;
}

/** What came of one round: what was read, and why the rest was not. */
interface Round {
  readonly found: Map<string, ReadonlyMap<number, VfOfPf>>;
  readonly failures: unknown[];
  /** Interfaces that are none of the physical functions that they were asked for. */
  strangers: number;
}

/** Each may take half a second, in which the agent does nothing else. */
const MAX_BROKEN = 2;
/** More than a node has physical functions. */
const MAX_LINKS = 4_096;

/**
 * Settings and counters of VFs, as their physical functions tell them by netlink: whoever has the VFs, and whatever driver they are bound
 * to. Needs no right, but the network namespace that the interfaces of the physical functions are in.
 */
export class VfLinks {
  readonly #deps: VfLinksDeps;
  #connecting: Promise<RtnetlinkSocket | undefined> | undefined;
  #socket: RtnetlinkSocket | undefined;
  #isClosed = false;
  /** PCI addresses of those that are not answered for one by one. */
  readonly #tooLong = new Set<string>();

  constructor(deps: VfLinksDeps) {
    this.#deps = deps;
  }

  /** Once a sweep. @param pfs as sysfs tells them now */
  async read(pfs: readonly PhysicalFunction[]): Promise<VfsByPf> {
    const withVfs = pfs.filter(({ virtualFunctions }) => virtualFunctions.length > 0);
    const linked = withVfs.flatMap((pf) => linkedPf(pf) ?? []);
    const round: Round = { found: new Map(), failures: [], strangers: 0 };
    if (withVfs.length === 0) return round.found;
    if (linked.length === 0) {
      this.#deps.state.off('not_found', 'no physical function has an interface in this network namespace');
      return round.found;
    }
    this.#connecting ??= this.#connect();
    const socket = await this.#connecting;
    if (socket === undefined || this.#isClosed) return round.found;
    this.#askAll(socket, linked, round);
    this.#tell(round, linked.length);
    return round.found;
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.close();
  }

  async #connect(): Promise<RtnetlinkSocket | undefined> {
    try {
      this.#socket = await this.#deps.connect();
      return this.#socket;
    } catch (error) {
      this.#deps.state.off('unsupported', errorMessage(error));
      return undefined;
    }
  }

  /**
   * One by one, which costs far less than a list of all interfaces of a node with hundreds of pods. Not those of InfiniBand: before Linux
   * 6.15 the kernel reckons too little room for the GUIDs of their VFs, refuses (EMSGSIZE) and writes a warning with a stack trace into its
   * log at each attempt; the list has the room.
   * @see Linux net/core/rtnetlink.c, rtnl_getlink(); https://github.com/vishvananda/netlink/pull/1059
   */
  #askAll(socket: RtnetlinkSocket, linked: readonly LinkedPf[], round: Round): void {
    const listed: LinkedPf[] = [];
    let broken = 0;
    for (const one of linked) {
      const { pciAddress, linkLayer } = one.pf;
      if (linkLayer === 'infiniband' || this.#tooLong.has(pciAddress)) {
        listed.push(one);
        continue;
      }
      if (broken >= MAX_BROKEN) continue;
      try {
        this.#ask(socket, one, round);
      } catch (error) {
        if (error instanceof NetlinkRefusedError && error.reason === 'EMSGSIZE') {
          this.#tooLong.add(pciAddress);
          listed.push(one);
          continue;
        }
        if (!isOfNetlink(error)) throw error;
        if (!(error instanceof NetlinkRefusedError)) broken++;
        round.failures.push(error);
      }
    }
    if (listed.length > 0 && broken < MAX_BROKEN) this.#list(socket, listed, round);
  }

  #ask(socket: RtnetlinkSocket, { pf, name, ifindex }: LinkedPf, round: Round): void {
    const answer = socket.ask(vfRequest(ifindex));
    const link = answer && (parseVfs(answer) ?? parseLink(answer));
    if (link === undefined) return;
    if (!isOf(link, { pf, name, ifindex })) round.strangers++;
    else if ('vfs' in link) round.found.set(pf.pciAddress, byIndex(link));
    else round.found.set(pf.pciAddress, new Map()); // its VFs went while it was asked
  }

  #list(socket: RtnetlinkSocket, listed: readonly LinkedPf[], round: Round): void {
    const wanted = new Map(listed.map((one) => [one.ifindex, one]));
    try {
      const ofWanted = (message: Parameters<typeof parseVfs>[0]): LinkVfs | undefined => {
        const link = parseVfs(message);
        return link && wanted.has(link.ifindex) ? link : undefined;
      };
      for (const link of socket.dump(vfDumpRequest(), ofWanted, MAX_LINKS)) {
        const one = wanted.get(link.ifindex);
        if (one === undefined) continue;
        if (isOf(link, one)) round.found.set(one.pf.pciAddress, byIndex(link));
      }
      round.strangers += listed.filter(({ pf }) => !round.found.has(pf.pciAddress)).length;
    } catch (error) {
      if (!isOfNetlink(error)) throw error;
      round.failures.push(error);
    }
  }

  /** A failure of one physical function says nothing of the others. */
  #tell({ found, failures, strangers }: Round, asked: number): void {
    const { state } = this.#deps;
    if (found.size > 0) {
      state.up();
      return;
    }
    const unknown = failures.filter((error) => error instanceof NetlinkRefusedError && error.reason === 'ENODEV');
    if (strangers > 0 || unknown.length === asked) {
      state.off('not_host_network', 'interfaces of physical functions are others, or none, in its network namespace');
    } else if (failures.length > 0) {
      tellFailure(state, failures[0]);
    }
  }
}

function linkedPf(pf: PhysicalFunction): LinkedPf | undefined {
  const { netdev } = pf;
  if (netdev?.ifindex === undefined) return undefined;
  return { pf, name: netdev.name, ifindex: netdev.ifindex };
}

/** The agent may be in another network namespace than the sysfs that it reads: an index means another interface there. */
function isOf(link: Pick<LinkVfs, 'ifindex' | 'name' | 'parentDevice'>, { pf, name, ifindex }: LinkedPf): boolean {
  return (
    link.ifindex === ifindex &&
    link.name === name &&
    (link.parentDevice === undefined || link.parentDevice === pf.pciAddress)
  );
}

function byIndex({ vfs }: LinkVfs): ReadonlyMap<number, VfOfPf> {
  return new Map(vfs.map(({ index, ...vf }) => [index, vf]));
}

function isOfNetlink(error: unknown): boolean {
  return error instanceof NetlinkError || error instanceof NetlinkParseError;
}
