import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Containerd } from '../containerd.js';
import type { HostPath, RunningContainer, RunningPod } from '../containerd/pods.js';
import { eventually } from '../programs.js';
import { TAG } from './built-image.js';

/** What a manifest asks for: no user, which is the image's own; the rest is as strict as can be. */
const RESTRICTED = {
  readonly_rootfs: true,
  no_new_privs: true,
  capabilities: { drop_capabilities: ['ALL'] },
  seccomp: { profile_type: 'RuntimeDefault' },
};
const TICKS_PER_SECOND = 100; // USER_HZ, which Linux has everywhere
const LOOK_MS = 5;
const STOP_SECONDS = 20;

export interface ProgramSpec {
  /** Also the name of its pod. */
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly mounts?: readonly HostPath[];
}

/** A program of the image in a pod of the node's network and pids, so that the agent sees pods, and tests reach both. */
export class ImagePod {
  readonly #containerd: Containerd;
  readonly #pod: RunningPod;
  readonly #container: RunningContainer;

  private constructor(containerd: Containerd, pod: RunningPod, container: RunningContainer) {
    this.#containerd = containerd;
    this.#pod = pod;
    this.#container = container;
  }

  static async start(containerd: Containerd, { name, ...spec }: ProgramSpec): Promise<ImagePod> {
    const uid = `a9e27000-0000-4000-8000-${Buffer.from(name.padEnd(6).slice(0, 6)).toString('hex')}`;
    const pod = await containerd.createPod({
      ...{ namespace: 'podnet-system', name, uid, hostPID: true, hostNetwork: true, containers: [] },
    });
    const container = await containerd.addContainer(pod, { name, image: TAG, securityContext: RESTRICTED, ...spec });
    return new ImagePod(containerd, pod, container);
  }

  /** @returns how long after its start it answered for the first time, too */
  static async startAnswering(
    containerd: Containerd,
    spec: ProgramSpec,
    isAnswered: () => Promise<boolean>,
  ): Promise<{ pod: ImagePod; seconds: number }> {
    const [answered, started] = await Promise.allSettled([firstAnswer(isAnswered), ImagePod.start(containerd, spec)]);
    if (started.status === 'rejected') throw started.reason;
    const pod = started.value;
    if (answered.status === 'rejected') throw new Error(`${String(answered.reason)}\n${pod.log()}`);
    return { pod, seconds: pod.#secondsTo(answered.value) };
  }

  get pid(): number {
    return this.#container.pid;
  }

  log(): string {
    return readFileSync(this.#container.log, 'utf8');
  }

  /** Waits until it ends by itself. @returns its exit code */
  async ended(): Promise<number> {
    const look = () => this.#containerd.cri.containerStatus(this.#container.id);
    return (await eventually(look, ({ state }) => state === 'CONTAINER_EXITED')).exitCode;
  }

  /** Ends it as a kubelet does. @returns its exit code: 137 where it had to be killed */
  async stop(): Promise<number> {
    await this.#containerd.cri.stopContainer(this.#container.id, STOP_SECONDS);
    return this.ended();
  }

  /** CPU that it has used since its start, by all of its threads. */
  cpuSeconds(): number {
    return (Number(this.#stat(14)) + Number(this.#stat(15))) / TICKS_PER_SECOND; // utime, stime
  }

  /** From when the kernel made its process, which was runc's first, to a time by the clock of the kernel's start. */
  #secondsTo(uptime: number): number {
    return uptime - Number(this.#stat(22)) / TICKS_PER_SECOND; // starttime
  }

  /** A field of /proc/<pid>/stat, by its number in proc(5). */
  #stat(field: number): string | undefined {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    return stat.replace(/^.*\) /s, '').split(' ')[field - 3];
  }

  /** Resident memory. */
  residentMiB(): number {
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1];
    return Number(kibibytes) / 1_024;
  }

  async remove(): Promise<void> {
    await this.#containerd.removePod(this.#pod);
  }
}

/** Asks again and again until there is an answer. @returns when, in seconds since the kernel's start */
async function firstAnswer(ask: () => Promise<boolean>, timeoutMs = 30_000): Promise<number> {
  const deadline = performance.now() + timeoutMs;
  while (!(await ask().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`no answer within ${timeoutMs} ms`);
    await delay(LOOK_MS);
  }
  return Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
}

/** The process of a container: nobody, without a right, on a root file system that it can read alone, and that has little. */
export function assertIsRestricted(pid: number): void {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  assert.match(status, /^Uid:(\t65534){4}$/m);
  assert.match(status, /^Gid:(\t65534){4}$/m);
  assert.equal(status.match(/^Cap(Inh|Prm|Eff|Bnd|Amb):\t0{16}$/gm)?.length, 5, status);
  assert.match(status, /^NoNewPrivs:\t1$/m);
  assert.match(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'), / \/ ro,/);
  assert.deepEqual(
    ['bin/sh', 'tmp', 'var/tmp'].filter((path) => existsSync(`/proc/${pid}/root/${path}`)),
    [],
  );
}
