import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import type { Bundle } from './bundle.js';
import type { Containerd } from './containerd.js';
import type { HostPath, RunningContainer, RunningPod } from './containerd/pods.js';
import { eventually } from './programs.js';

/** What the pod of an agent is given, in the words of a pod's specification; what is not said is as little as can be. */
export interface AgentRights {
  readonly name: string;
  readonly hostPID?: boolean;
  readonly hostNetwork?: boolean;
  readonly user?: number;
  readonly supplementalGroups?: readonly number[];
  readonly addCapabilities?: readonly string[];
  readonly mounts?: readonly HostPath[];
  readonly flags?: readonly string[];
}

export const NOBODY = 65_534;
/** What node is made of: the loader, libraries, and its own file wherever it is. */
const NODE_FILES = ['/usr', '/lib', '/lib64', realpathSync(process.execPath)].filter((path) => existsSync(path));
/** What a kubelet asks for without procMount (k8s.io/kubernetes, pkg/securitycontext/util.go). */
const MASKED = [
  ...['/proc/asound', '/proc/acpi', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list'],
  ...['/proc/timer_stats', '/proc/sched_debug', '/proc/scsi', '/sys/firmware', '/sys/devices/virtual/powercap'],
];
const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** The bundle that is shipped, run by containerd and runc in a pod of its own: not root, no capability, read-only, RuntimeDefault. */
export class AgentPod {
  readonly #containerd: Containerd;
  readonly #container: RunningContainer;
  readonly pod: RunningPod;

  private constructor(containerd: Containerd, pod: RunningPod, container: RunningContainer) {
    this.#containerd = containerd;
    this.pod = pod;
    this.#container = container;
  }

  /** @param files at the same places in its container */
  static async start(
    containerd: Containerd,
    bundle: Bundle,
    files: readonly string[],
    { name, hostPID = true, hostNetwork = true, user = NOBODY, ...rights }: AgentRights,
  ): Promise<AgentPod> {
    const { supplementalGroups = [], addCapabilities = [], mounts = [], flags = [] } = rights;
    const uid = `a9e27000-0000-4000-8000-${Buffer.from(name.padEnd(6).slice(0, 6)).toString('hex')}`;
    const pod = await containerd.createPod({
      ...{ namespace: 'podnet-system', name, uid, hostPID, hostNetwork, containers: [] },
    });
    const container = await containerd.addContainer(pod, {
      name: 'nodeagent',
      command: [realpathSync(process.execPath), bundle.file, 'nodeagent', ...flags],
      mounts: [
        ...[...NODE_FILES, dirname(bundle.file), ...files].map((path) => ({ hostPath: path, containerPath: path })),
        ...mounts,
      ],
      securityContext: {
        run_as_user: { value: user },
        run_as_group: { value: user },
        supplemental_groups: supplementalGroups,
        readonly_rootfs: true,
        no_new_privs: true,
        capabilities: { drop_capabilities: ['ALL'], add_capabilities: addCapabilities },
        seccomp: { profile_type: 'RuntimeDefault' },
        ...{ masked_paths: MASKED, readonly_paths: READ_ONLY },
      },
    });
    return new AgentPod(containerd, pod, container);
  }

  /** As the node has it. */
  get pid(): number {
    return this.#container.pid;
  }

  log(): string {
    return readFileSync(this.#container.log, 'utf8');
  }

  /** Where it serves, as soon as it does. */
  async url(): Promise<string> {
    const told = await eventually(
      () => /"url":"(http:[^"]+)"/.exec(this.log())?.[1],
      (url) => url !== undefined,
    ).catch(() => undefined);
    if (told === undefined) throw new Error(`the agent does not serve:\n${this.log()}`);
    return told.replace('0.0.0.0', this.pod.interfaces[0]?.address ?? '');
  }

  async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`${await this.url()}${path}`);
    return { status: response.status, text: await response.text() };
  }

  /** Waits until it is, and needs nothing of others any more. */
  async healthy(): Promise<void> {
    const look = () => this.get('/healthz');
    await eventually(look, ({ status, text }) => status === 200 && text === 'ok').catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.log()}`);
    });
  }

  async remove(): Promise<void> {
    await this.#containerd.removePod(this.pod);
  }
}
