import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { NetnsDescription } from '../../nodeagent/inventory/netns-pods.js';
import { StartError } from '../../runtime/start-error.js';
import { errorMessage } from '../../runtime/logger.js';

/** Everything the demo makes bears this mark, so that what a killed run left can be found. */
export const MARK = 'podnet-demo-';
/** Names of links have 15 characters. */
const LINK_MARK = 'pnd-';
const RUN_NETNS = '/run/netns';
const SYS_NET = '/sys/class/net';

export interface DemoNetwork {
  readonly network: string;
  readonly nadNamespace: string;
  readonly isDefault: boolean;
  readonly interfaceName: string;
  readonly mtu: number;
  /** First three numbers of its addresses. */
  readonly subnet: string;
}

/** A cluster's default network, and one of Multus for the traffic itself, as a 5G user plane has them. */
export const NETWORKS: readonly DemoNetwork[] = [
  { network: 'cbr0', nadNamespace: '', isDefault: true, interfaceName: 'eth0', mtu: 1_450, subnet: '10.251.1' },
  { network: 'n3', nadNamespace: 'telco', isDefault: false, interfaceName: 'net1', mtu: 9_000, subnet: '10.251.2' },
];

export const PODS = ['upf-0', 'upf-1', 'upf-2'] as const;

const run = promisify(execFile);

export function netnsName(pod: string): string {
  return `${MARK}${pod}`;
}

export function addressOf(network: DemoNetwork, podIndex: number): string {
  return `${network.subnet}.${10 + podIndex}`;
}

/** What a cluster would say of a pod of the demo: labels, workload, networks. */
export function describeDemoPod(name: string): NetnsDescription | undefined {
  if (!name.startsWith(MARK)) return undefined;
  return {
    labels: { app: 'upf', 'app.kubernetes.io/name': 'upf' },
    workload: { kind: 'StatefulSet', name: 'upf' },
    attachments: new Map(
      NETWORKS.map(({ interfaceName, network, nadNamespace, isDefault }) => [
        interfaceName,
        { network, nadNamespace, isDefault },
      ]),
    ),
  };
}

/** Makes the bridges, the namespaces and the links between them. */
export async function createTopology(): Promise<void> {
  for (const [n, network] of NETWORKS.entries()) {
    await ip('link', 'add', bridgeName(n), 'type', 'bridge');
    await ip('link', 'set', bridgeName(n), 'mtu', String(network.mtu), 'up');
  }
  for (const [p, pod] of PODS.entries()) {
    const netns = netnsName(pod);
    await ip('netns', 'add', netns);
    await ip('-n', netns, 'link', 'set', 'lo', 'up');
    for (const [n, network] of NETWORKS.entries()) {
      const host = `${LINK_MARK}${p}-${n}`;
      const { interfaceName, mtu } = network;
      await ip(
        'link',
        'add',
        host,
        'mtu',
        String(mtu),
        'type',
        'veth',
        'peer',
        'name',
        interfaceName,
        'mtu',
        String(mtu),
        'netns',
        netns,
      );
      await ip('link', 'set', host, 'master', bridgeName(n), 'up');
      await ip('-n', netns, 'addr', 'add', `${addressOf(network, p)}/24`, 'dev', interfaceName);
      await ip('-n', netns, 'link', 'set', interfaceName, 'up');
    }
    const [first] = NETWORKS;
    if (first !== undefined)
      await ip(
        '-n',
        netns,
        'route',
        'add',
        'default',
        'via',
        `${first.subnet}.1`,
        'onlink',
        'dev',
        first.interfaceName,
      );
  }
}

/** Removes all that any run of the demo made. @returns whether there was something */
export async function removeTopology(): Promise<boolean> {
  const namespaces = (await namesIn(RUN_NETNS)).filter((name) => name.startsWith(MARK));
  for (const name of namespaces) await ip('netns', 'del', name);
  const links = (await namesIn(SYS_NET)).filter((name) => name.startsWith(LINK_MARK));
  for (const name of links) await ip('link', 'del', name).catch(ignoreMissing); // a veth goes with its namespace
  return namespaces.length + links.length > 0;
}

function bridgeName(networkIndex: number): string {
  return `${LINK_MARK}br${networkIndex}`;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function ignoreMissing(error: unknown): void {
  if (!errorMessage(error).includes('Cannot find device')) throw error;
}

async function ip(...args: string[]): Promise<void> {
  try {
    await run('ip', args);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new StartError('the demo needs ip, of the package iproute2', { cause: error });
    }
    throw new StartError(`ip ${args.join(' ')}: ${errorMessage(error).split('\n').at(1) ?? errorMessage(error)}`, {
      cause: error,
    });
  }
}
