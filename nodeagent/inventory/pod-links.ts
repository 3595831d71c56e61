import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import { NetlinkError, NetlinkRefusedError } from '../rtnetlink/errors.js';
import { linkDumpRequest, parseLink, type Link } from '../rtnetlink/link.js';
import type { Message } from '../rtnetlink/messages.js';
import { newNsidRequest, nsidRequest, parseNsid } from '../rtnetlink/nsid.js';
import type { RtnetlinkSocket } from '../rtnetlink/socket.js';
import { tellFailure, type NetlinkState } from './netlink-state.js';

export interface PodLinksDeps {
  readonly socket: RtnetlinkSocket;
  readonly state: NetlinkState;
}

/** What is reported, and loopback. */
const MAX_LINKS = REPORT_LIMITS.interfacesPerPod + 1;
/** They changed while they were listed, again and again, or are more than a report takes: the doing of whoever is in the namespace. */
const RESTLESS = new Set(['EINTR', 'EMSGSIZE']);

/**
 * The interfaces of another network namespace with their kinds, parents and masters, asked from our own: needs CAP_NET_ADMIN, enters no
 * namespace and keeps none alive. An id that has to be made for it lives and dies with the namespace.
 */
export class PodLinks {
  readonly #deps: PodLinksDeps;
  #hasSucceeded = false;
  /** The sweep in which something failed: what fails for one pod fails, and may take its time, for each. */
  #failedMs = -Infinity;

  constructor(deps: PodLinksDeps) {
    this.#deps = deps;
  }

  /**
   * @param pid a process of the namespace; whoever asks makes sure that it still was one afterwards
   * @param nowMs the same throughout a sweep
   * @returns restless: because of what is in this namespace, and at some cost; undefined where they cannot be told for another reason
   */
  linksOf(pid: number, nowMs: number): Link[] | 'restless' | undefined {
    const { socket, state } = this.#deps;
    if (nowMs === this.#failedMs) return undefined;
    try {
      const nsid = this.#nsidOf(pid);
      if (nsid === undefined) return undefined;
      // a kernel that does not know the filter answers with our own links; of its own, a namespace has loopback at least
      const ofIt = (message: Message): Link | undefined => {
        const link = parseLink(message);
        return link?.targetNetnsid === nsid ? link : undefined;
      };
      const links = socket.dump(linkDumpRequest(nsid), ofIt, MAX_LINKS);
      if (links.length === 0) {
        state.off('unsupported', 'the kernel lists the links of no other namespace');
        return undefined;
      }
      this.#hasSucceeded = true;
      state.up();
      return links;
    } catch (error) {
      if (isRestless(error)) return 'restless';
      if (!(error instanceof NetlinkRefusedError)) this.#failedMs = nowMs;
      // one that is not to be seen (of another user namespace) says nothing of the others
      const isItsOwn = this.#hasSucceeded && error instanceof NetlinkRefusedError;
      if (!isItsOwn) tellFailure(state, error);
      return undefined;
    }
  }

  close(): void {
    this.#deps.socket.close();
  }

  #nsidOf(pid: number): number | undefined {
    const { socket } = this.#deps;
    const ask = (): number | undefined => {
      const answer = socket.ask(nsidRequest(pid));
      return answer === undefined ? undefined : parseNsid(answer);
    };
    const known = ask();
    if (known !== undefined) return known;
    try {
      socket.ask(newNsidRequest(pid));
    } catch (error) {
      const isThereNow = error instanceof NetlinkRefusedError && error.reason === 'EEXIST';
      if (!isThereNow) throw error;
    }
    return ask();
  }
}

function isRestless(error: unknown): boolean {
  return error instanceof NetlinkError && !(error instanceof NetlinkRefusedError) && RESTLESS.has(error.reason);
}
