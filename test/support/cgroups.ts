import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ip } from './netns.js';
import { eventually } from './programs.js';
import { missing } from './requirements.js';

const ROOT = '/sys/fs/cgroup';

/** The hierarchies of this machine in which a test can make cgroups, one of each version there is. */
export function realHierarchies(): string[] {
  if (existsSync(join(ROOT, 'cgroup.procs'))) return [ROOT];
  const v1 = ['pids', 'memory', 'systemd'].map((name) => join(ROOT, name)).filter((path) => existsSync(path));
  return [...v1.slice(0, 1), ...[join(ROOT, 'unified')].filter((path) => existsSync(path))];
}

/** Like missing(), for what pods of real cgroups and namespaces need. */
export function missingCgroups(): string | false {
  const reason = missing('root', 'ip', 'setpriv');
  if (reason !== false || realHierarchies().length > 0) return reason;
  if (process.env['CI'] === 'true') throw new Error('needs a cgroup hierarchy');
  return 'needs a cgroup hierarchy';
}

export interface Placed {
  readonly child: ChildProcess;
  readonly pid: number;
}

/** Real processes in real cgroups below one of a test's own, and in real network namespaces; all of it goes at its end. */
export class CgroupBed implements AsyncDisposable {
  /** What a cgroup tree has as its root. */
  readonly root: string;
  readonly #prefix: string;
  readonly #children: ChildProcess[] = [];
  readonly #namespaces: string[] = [];

  /** @param prefix short, and no other test's */
  constructor(prefix: string, hierarchy: string) {
    this.#prefix = prefix;
    this.root = join(hierarchy, prefix);
    mkdirSync(this.root);
  }

  /** @returns its inode, as ProcFs.netInode() has it */
  addNetns(name: string): number {
    const full = `${this.#prefix}-${name}`;
    ip('netns', 'add', full);
    this.#namespaces.push(full);
    return Number(ip('netns', 'exec', full, 'stat', '-Lc', '%i', '/proc/self/net/dev'));
  }

  pathOf(cgroup: string): string {
    return join(this.root, cgroup);
  }

  addCgroup(cgroup: string): void {
    mkdirSync(this.pathOf(cgroup), { recursive: true });
  }

  move(pid: number, cgroup: string): void {
    this.addCgroup(cgroup);
    writeFileSync(join(this.pathOf(cgroup), 'cgroup.procs'), String(pid));
  }

  /** Starts a process in a cgroup and a namespace; without one in the machine's. */
  async start(cgroup: string, netns?: string): Promise<Placed> {
    const placed = await this.startInTransit(cgroup, netns ?? '');
    if (netns !== undefined) await placed.enter();
    return placed;
  }

  /** A process that is in the cgroup, and in the machine's namespace until it is told to enter another. */
  async startInTransit(cgroup: string, netns: string): Promise<Placed & { enter: () => Promise<void> }> {
    const script = `echo ready; read -r _; exec nsenter --net=/run/netns/${this.#prefix}-${netns} sleep 600`;
    const child = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.push(child);
    await once(child.stdout, 'data');
    const pid = child.pid ?? 0;
    this.move(pid, cgroup);
    const enter = async (): Promise<void> => {
      child.stdin.write('\n');
      await eventually(
        () => readFileSync(`/proc/${pid}/comm`, 'utf8'),
        (comm) => comm === 'sleep\n',
      );
    };
    return { child, pid, enter };
  }

  /** Keeps a child that a test started, to be ended with the others. */
  own(child: ChildProcess): void {
    this.#children.push(child);
  }

  async end({ child }: Placed): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) await this.end({ child, pid: child.pid ?? 0 });
    for (const netns of this.#namespaces) ip('netns', 'del', netns);
    await eventually(
      () => this.#removeTree(this.root),
      (isGone) => isGone,
    );
  }

  /** A cgroup cannot be removed while a process in it is being ended. */
  #removeTree(path: string): boolean {
    const children = readdirSync(path).filter((name) => statSync(join(path, name)).isDirectory());
    if (!children.every((name) => this.#removeTree(join(path, name)))) return false;
    try {
      for (const pid of readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n')) {
        if (Number(pid) > 0) process.kill(Number(pid), 'SIGKILL');
      }
      rmdirSync(path);
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && (error.code === 'EBUSY' || error.code === 'ESRCH')) return false;
      throw error;
    }
  }
}
