import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import type { Pod } from '../../nodeagent/inventory/pod.js';
import { ProcFs } from '../../nodeagent/procfs/fs.js';
import { ip } from './netns.js';

export type Side = 'a' | 'b';
export const ADDRESS = { a: '10.251.0.1', b: '10.251.0.2' } as const;
export const ADDRESS6 = { a: 'fd00:251::1', b: 'fd00:251::2' } as const;

/** Two network namespaces, the eth0 of one joined to the eth0 of the other, with IPv4 and IPv6. They go with their scope. */
export class NetnsPair implements AsyncDisposable {
  readonly #prefix: string;
  readonly #holders = new Map<Side, ChildProcess>();
  readonly #children: ChildProcess[] = [];
  readonly #made: string[] = [];

  /** @param prefix short, and no other test's */
  static async create(prefix: string): Promise<NetnsPair> {
    const pair = new NetnsPair(prefix);
    try {
      await pair.#make();
      return pair;
    } catch (error) {
      await pair[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(prefix: string) {
    this.#prefix = prefix;
  }

  name(side: Side): string {
    return `${this.#prefix}-${side}`;
  }

  exec(side: Side, ...command: readonly string[]): string {
    return ip('netns', 'exec', this.name(side), ...command);
  }

  /** Runs a script of Node's and waits for its end. @returns what it printed */
  run(side: Side, script: string): string {
    return this.exec(side, process.execPath, '-e', script);
  }

  /** Starts a script of Node's; it is there when it has printed its first line, and goes with the namespaces. */
  async start(side: Side, script: string): Promise<ChildProcess> {
    const command = ['netns', 'exec', this.name(side), process.execPath, '-e', script];
    const child = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.push(child);
    await once(child.stdout, 'data');
    return child;
  }

  /** A side as the pod that an agent reads. */
  pod(side: Side): Pod {
    const pid = this.#holders.get(side)?.pid ?? 0;
    return {
      ...{ namespace: 'default', name: side, uid: this.name(side), creationTimestamp: '2026-11-20T10:00:00Z' },
      ...{ labels: {}, hostNetwork: false, attachments: new Map() },
      netns: { inode: new ProcFs('/proc').netInode(pid), processes: [{ pid }] },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    for (const name of this.#made) ip('netns', 'del', name);
  }

  async #make(): Promise<void> {
    for (const side of ['a', 'b'] as const) {
      ip('netns', 'add', this.name(side));
      this.#made.push(this.name(side));
      ip('-n', this.name(side), 'link', 'set', 'lo', 'up');
      this.#holders.set(side, await this.start(side, 'console.log(1); setInterval(() => {}, 1e6)'));
    }
    ip('-n', this.name('a'), 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.name('b'));
    for (const side of ['a', 'b'] as const) {
      ip('-n', this.name(side), 'addr', 'add', `${ADDRESS[side]}/24`, 'dev', 'eth0');
      ip('-n', this.name(side), 'addr', 'add', `${ADDRESS6[side]}/64`, 'dev', 'eth0', 'nodad');
      ip('-n', this.name(side), 'link', 'set', 'eth0', 'up');
    }
  }
}
