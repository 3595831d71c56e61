import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * What a container's first process does, $1 its cgroup and $2 what `ip` is to do: it is put into its cgroup while it still is in the
 * node's network namespace, as the runtimes do it, and then goes into one of its own.
 */
const CONTAINER = `
echo $$ > "$1/cgroup.procs" && exec unshare -n sh -c '
  printf "%s" "$2" | ip -batch - && echo ready && exec sleep 3600' sh "$1" "$2"`;

interface NodePod {
  readonly process: ChildProcess;
  readonly directory: string;
}

export interface NodePodOptions {
  readonly uid: string;
  /** Lines for `ip -batch` inside its namespace, such as `link add eth0 type veth peer name net1`. */
  readonly ip: readonly string[];
}

/**
 * Pods as the kernel of a node has them, and nothing else of Kubernetes: a process each, in a cgroup of the kubelet's layout and in
 * a network namespace of its own. Thousands of them cost little.
 */
export class NodePods {
  readonly #root: string;
  readonly #pods = new Map<string, NodePod>();

  /**
   * @param prefix no other test's
   * @param hierarchy a mounted hierarchy, of version 1 or 2
   */
  constructor(prefix: string, hierarchy = '/sys/fs/cgroup/pids') {
    this.#root = join(hierarchy, prefix);
  }

  async add({ uid, ip }: NodePodOptions): Promise<number> {
    const directory = join(this.#root, 'kubepods/burstable', `pod${uid}`);
    const container = join(directory, uid.replaceAll('-', '').padEnd(64, '0'));
    await mkdir(container, { recursive: true });
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

  /** Its process, its namespace and its cgroup. */
  async remove(uid: string): Promise<void> {
    const pod = this.#pods.get(uid);
    if (pod === undefined) return;
    this.#pods.delete(uid);
    const ended = once(pod.process, 'exit');
    if (pod.process.exitCode === null && pod.process.kill('SIGKILL')) await ended;
    await removeEmpty(join(pod.directory, uid.replaceAll('-', '').padEnd(64, '0')));
    await removeEmpty(pod.directory);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pods.keys()].map((uid) => this.remove(uid)));
    for (const directory of ['kubepods/burstable', 'kubepods', '.']) await removeEmpty(join(this.#root, directory));
  }
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
