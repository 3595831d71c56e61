import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { ip } from '../netns.js';

const execute = promisify(execFile);

/** The bridge of a network, made before CNI makes it: quiet, without IPv6 and without IGMP of its own. */
export function addBridge(name: string): void {
  ip('link', 'add', name, 'type', 'bridge', 'mcast_snooping', '0');
  silence(name);
  ip('link', 'set', name, 'up');
}

/** Turns IPv6 off on an interface of the host: its neighbour discovery would be counted. */
export function silence(name: string): void {
  writeFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, '1');
}

interface IpDirection {
  readonly bytes: number;
  readonly packets: number;
  readonly errors: number;
  readonly dropped: number;
  readonly missed_errors?: number;
}
interface IpLink {
  readonly ifname: string;
  readonly stats64: { readonly rx: IpDirection; readonly tx: IpDirection };
}

/**
 * The eight counters of each interface of a namespace but lo, in the order of a report, as netlink has them: not the file that the
 * agent reads.
 */
export async function readKernelCounters(netns: string): Promise<Map<string, number[]>> {
  const { stdout } = await execute('nsenter', [`--net=${netns}`, 'ip', '-j', '-s', '-s', 'link', 'show']);
  const links = (JSON.parse(stdout) as IpLink[]).filter(({ ifname }) => ifname !== 'lo');
  return new Map(links.map(({ ifname, stats64: { rx, tx } }) => [ifname, [...directionOf(rx), ...directionOf(tx)]]));
}

/** net/dev counts as dropped what the device missed, too. */
function directionOf({ bytes, packets, errors, dropped, missed_errors: missed = 0 }: IpDirection): number[] {
  return [bytes, packets, errors, dropped + missed];
}
