import { errorMessage } from '../../runtime/logger.js';
import { ifReadable } from '../procfs/errors.js';
import type { ProcFs } from '../procfs/fs.js';
import { hasNetAdmin, isOwnPidNamespace } from '../procfs/process.js';
import { loadLibc as loadKoffi, type Libc } from '../rtnetlink/libc.js';
import { RtnetlinkSocket } from '../rtnetlink/socket.js';
import type { SourceOff, SourceStates } from '../source-states.js';
import { HostInterfaces, LINK_EVENTS } from './host-interfaces.js';
import type { NetlinkState } from './netlink-state.js';
import { PodLinks } from './pod-links.js';
import { VfLinks } from './vf-links.js';

/** What netlink tells besides counters of pods; each is absent where it cannot be used. */
export interface NetlinkSources {
  readonly hostInterfaces?: HostInterfaces;
  readonly podLinks?: PodLinks;
  /** Finds out by itself whether it can be used, when there is a VF. */
  readonly vfLinks: VfLinks;
  close(): void;
}

export interface NetlinkSourcesDeps {
  readonly procfs: ProcFs;
  readonly states: Pick<SourceStates, 'up' | 'off'>;
  /** What talks to the kernel. */
  readonly loadLibc?: LoadLibc | undefined;
}

export type LoadLibc = () => Promise<Libc>;
type Source = 'host-interfaces' | 'pod-links';
interface Off {
  readonly reason: SourceOff;
  readonly detail: string;
}

const INIT = 1;

/**
 * Finds out what can be used on this machine and with these rights, and says of the rest why it cannot. Loads koffi if there is any use, for
 * VFs not before there is one.
 */
export async function createNetlinkSources({
  procfs,
  states,
  loadLibc = loadKoffi,
}: NetlinkSourcesDeps): Promise<NetlinkSources> {
  const usable = (['host-interfaces', 'pod-links'] as const).filter((source) => {
    const off = whyOff(source, procfs);
    if (off !== undefined) states.off(source, off.reason, off.detail);
    return off === undefined;
  });
  const libc =
    usable.length === 0
      ? undefined
      : await loadOr(loadLibc, (detail) => {
          for (const source of usable) states.off(source, 'unsupported', detail);
        });
  const stateOf = (source: Source | 'vf-links'): NetlinkState => ({
    up: () => states.up(source),
    off: (reason, detail) => states.off(source, reason, detail),
  });
  states.off('vf-links', 'not_needed', 'no physical function that has virtual functions');
  const vfLinks = new VfLinks({
    connect: async () => new RtnetlinkSocket(libc ?? (await loadLibc())),
    state: stateOf('vf-links'),
  });
  if (libc === undefined) return { vfLinks, close: () => vfLinks.close() };
  const hostInterfaces = usable.includes('host-interfaces')
    ? new HostInterfaces({
        ownInode: procfs.netInode('self'),
        socket: new RtnetlinkSocket(libc),
        events: new RtnetlinkSocket(libc, LINK_EVENTS),
        state: stateOf('host-interfaces'),
      })
    : undefined;
  const podLinks = usable.includes('pod-links')
    ? new PodLinks({ socket: new RtnetlinkSocket(libc), state: stateOf('pod-links') })
    : undefined;
  return {
    ...(hostInterfaces !== undefined && { hostInterfaces }),
    ...(podLinks !== undefined && { podLinks }),
    vfLinks,
    close: () => {
      vfLinks.close();
      hostInterfaces?.close();
      podLinks?.close();
    },
  };
}

async function loadOr(load: LoadLibc, tell: (detail: string) => void): Promise<Libc | undefined> {
  try {
    return await load();
  } catch (error) {
    tell(errorMessage(error));
    return undefined;
  }
}

/**
 * Namespaces are asked for by the pid of a process in them, which has to mean the same to procfs and to the kernel. Their other ends are
 * found from the node's namespace alone; their links from any, with CAP_NET_ADMIN.
 */
function whyOff(source: Source, procfs: ProcFs): Off | undefined {
  const status = ifReadable(() => procfs.read('self/status'));
  if (status === undefined || !isOwnPidNamespace(status)) {
    return { reason: 'not_host_pid', detail: 'hostPID: true puts it into their pid namespace' };
  }
  if (source === 'pod-links') {
    return hasNetAdmin(status) ? undefined : { reason: 'not_permitted', detail: 'it takes CAP_NET_ADMIN' };
  }
  const own = ifReadable(() => procfs.netInode('self'));
  const node = ifReadable(() => procfs.netInode(INIT));
  if (own === undefined || node === undefined) {
    return {
      reason: 'not_permitted',
      detail: `process ${INIT} may not be looked at, and its network namespace is the node's`,
    };
  }
  if (own === node) return undefined;
  return { reason: 'not_host_network', detail: 'hostNetwork: true puts it there' };
}
