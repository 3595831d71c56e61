import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { realHierarchies } from './cgroups.js';

/**
 * What a container's first process does, $1 its cgroup and $2 what `ip` is to do: it is put into its cgroup while it still is in the
 * node's network namespace, as the runtimes do it, and then goes into one of its own.
 */
const CONTAINER = `
echo $$ > "$1/cgroup.procs" && exec unshare -n sh -c '
  printf "%s" "$2" | ip -batch - && echo ready && exec sleep 3600' sh "$1" "$2"`;
/** Written, the kernel gives the pid after it to the next process, unless that is taken (Documentation/admin-guide/sysctl/kernel.rst). */
const LAST_PID = '/proc/sys/kernel/ns_last_pid';

/** Two ends of a pair in one namespace: what is sent from eth0 arrives at net1, and nobody answers. */
export const PAIR: readonly string[] = [
  'link add eth0 type veth peer name net1',
  'addr add 10.0.0.1/24 dev eth0',
  'link set eth0 addrgenmode none up',
  'link set net1 addrgenmode none up',
  'neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev eth0 nud permanent',
];

const SEND = `
  const socket = require('node:dgram').createSocket('udp4');
  const [count, payload] = process.argv.slice(1).map(Number);
  (async () => {
    for (let i = 0; i < count; i++)
      await new Promise((resolve) => socket.send(Buffer.alloc(payload), 9, '10.0.0.2', resolve));
    socket.close();
  })();`;

/** Sends datagrams over the {@link PAIR} of a process' namespace; each is `payload` + 42 bytes on the link. */
export function sendOverPair(
  pid: number,
  { count, payload }: { readonly count: number; readonly payload: number },
): void {
  const target = ['--target', String(pid), '--net'];
  execFileSync('nsenter', [...target, process.execPath, '-e', SEND, String(count), String(payload)]);
}

interface NodePod {
  readonly process: ChildProcess;
  readonly directory: string;
}

export interface NodePodOptions {
  readonly uid: string;
  /** Lines for `ip -batch` inside its namespace, such as `link add eth0 type veth peer name net1`. */
  readonly ip: readonly string[];
  /** The pid of a process that has ended, to be that of this pod's if nobody else gets it. */
  readonly wantedPid?: number;
}

/**
 * Pods as the kernel of a node has them, and nothing else of Kubernetes: a process each, in a cgroup of the kubelet's layout and in
 * a network namespace of its own. Thousands of them cost little.
 */
export class NodePods {
  /** What a cgroup tree has as its root. */
  readonly root: string;
  readonly #pods = new Map<string, NodePod>();

  /** @param prefix no other test's */
  constructor(prefix: string) {
    const [hierarchy = '/sys/fs/cgroup'] = realHierarchies();
    this.root = join(hierarchy, prefix);
    mkdirSync(this.root);
  }

  async add({ uid, ip, wantedPid = 0 }: NodePodOptions): Promise<number> {
    const directory = join(this.root, 'kubepods/burstable', `pod${uid}`);
    const container = containerOf(directory, uid);
    await mkdir(container, { recursive: true });
    if (wantedPid > 1) writeFileSync(LAST_PID, String(wantedPid - 1));
    const child = spawn('sh', ['-c', CONTAINER, 'sh', container, ip.map((line) => `${line}\n`).join('')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#pods.set(uid, { process: child, directory });
    const [ready] = (await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])) as [unknown];
    if (!Buffer.isBuffer(ready)) throw new Error(`the process of pod ${uid} ended: ${String(ready)}`);
    child.stdout.destroy();
    return child.pid ?? 0;
  }

  pidOf(uid: string): number {
    return this.#pods.get(uid)?.process.pid ?? 0;
  }

  /** Ends its process, and with that its namespace; its cgroup stays for now. @returns the pid that is free then */
  async kill(uid: string): Promise<number> {
    const { process: child } = this.#pods.get(uid) ?? {};
    if (child?.pid === undefined) return 0;
    const ended = once(child, 'exit');
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await ended;
    return child.pid;
  }

  /** Its process, its namespace and its cgroup. */
  async remove(uid: string): Promise<void> {
    const pod = this.#pods.get(uid);
    if (pod === undefined) return;
    await this.kill(uid);
    this.#pods.delete(uid);
    await removeEmpty(containerOf(pod.directory, uid));
    await removeEmpty(pod.directory);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pods.keys()].map((uid) => this.remove(uid)));
    for (const directory of ['kubepods/burstable', 'kubepods', '.']) await removeEmpty(join(this.root, directory));
  }
}

function containerOf(directory: string, uid: string): string {
  return join(directory, uid.replaceAll('-', '').padEnd(64, '0'));
}

/** A cgroup is busy for a moment after its last process. */
async function removeEmpty(directory: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await rmdir(directory);
      return;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : '';
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || tries === 200) {
        throw new Error(`${directory} is not empty: ${await readFile(join(directory, 'cgroup.procs'), 'utf8')}`, {
          cause: error,
        });
      }
      await delay(10);
    }
  }
}
