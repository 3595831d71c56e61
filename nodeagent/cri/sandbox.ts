import { cgroupOf, containerCgroup } from './cgroups-path.js';
import type { ContainerState, ListedContainer, ListedSandbox, SandboxStatus } from './responses.js';
import type { CniInterface } from './sandbox-info.js';

export interface SandboxContainer {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly attempt: number;
  readonly state: ContainerState;
  /** From the root of the hierarchy. */
  readonly cgroup?: string;
}

/** What the container runtime tells of a pod. Its processes may have ended since: a pid is a hint, the kernel decides. */
export interface Sandbox {
  readonly id: string;
  /** Of the pod as the kubelet knows it: of a static pod another than that of its mirror. */
  readonly uid: string;
  readonly state: 'ready' | 'not_ready';
  /** A process in its network namespace: of the sandbox, where that has none of a container. */
  readonly pid?: number;
  /** On the node. It may have been unmounted. */
  readonly netnsPath?: string;
  /** The runtime has let go of the network namespace, for good. */
  readonly isNetnsClosed: boolean;
  /** It is in the node's network; undefined until its status is known. */
  readonly isHostNetwork?: boolean;
  /** Empty: the runtime's default. */
  readonly runtimeHandler: string;
  /** Its containers have a kernel of their own (Kata, gVisor): what their processes do is not seen from the node. */
  readonly isVirtualMachine: boolean;
  /** Of the CNI plugins, by name. */
  readonly interfaces?: readonly CniInterface[];
  /** Of the sandbox itself, from the root of the hierarchy. */
  readonly cgroup?: string;
  /** Each name once, its last attempt; in the order in which they were first created, then by name. */
  readonly containers: readonly SandboxContainer[];
}

const MAX_CONTAINERS = 256;
/** Words of a runtime handler or a runtime type, such as kata-qemu or io.containerd.runsc.v1. */
const MACHINES = /(^|[^a-z0-9])(kata|runsc|gvisor|firecracker)/i;

export function isVirtualMachine(...names: readonly (string | undefined)[]): boolean {
  return names.some((name) => name !== undefined && MACHINES.test(name));
}

/** The one sandbox of each pod: the newest that is ready, else the newest. */
export function newestOfEachPod(listed: readonly ListedSandbox[]): ListedSandbox[] {
  const newest = new Map<string, ListedSandbox>();
  for (const sandbox of listed) {
    const other = newest.get(sandbox.uid);
    if (other === undefined || compare(sandbox, other) < 0) newest.set(sandbox.uid, sandbox);
  }
  return [...newest.values()].sort(compare);
}

/** Ready before not, then the newest first. */
function compare(a: ListedSandbox, b: ListedSandbox): number {
  if (a.isReady !== b.isReady) return a.isReady ? -1 : 1;
  if (a.createdNs !== b.createdNs) return a.createdNs > b.createdNs ? -1 : 1;
  if (a.attempt !== b.attempt) return b.attempt - a.attempt;
  return a.id < b.id ? -1 : 1;
}

/** The containers of a sandbox, each name once: the last attempt, however the runtime orders them. */
export function lastAttempts(listed: readonly ListedContainer[]): ListedContainer[] {
  const last = new Map<string, ListedContainer>();
  for (const container of listed) {
    const other = last.get(container.name);
    if (other === undefined || isLater(container, other)) last.set(container.name, container);
  }
  return [...last.values()].slice(0, MAX_CONTAINERS);
}

function isLater(a: ListedContainer, b: ListedContainer): boolean {
  if (a.attempt !== b.attempt) return a.attempt > b.attempt;
  return a.createdNs === b.createdNs ? a.id > b.id : a.createdNs > b.createdNs;
}

export interface SandboxParts {
  readonly listed: ListedSandbox;
  readonly status: SandboxStatus | undefined;
  /** In order. */
  readonly containers: readonly ListedContainer[];
  /** Of a container, where the sandbox has none. */
  readonly containerPid: number | undefined;
}

export function describeSandbox({ listed, status, containers, containerPid }: SandboxParts): Sandbox {
  const { id, uid, isReady } = listed;
  const runtimeHandler = listed.runtimeHandler === '' ? (status?.runtimeHandler ?? '') : listed.runtimeHandler;
  const pid = status?.pid ?? containerPid;
  const cgroup = status?.cgroupsPath === undefined ? undefined : cgroupOf(status.cgroupsPath);
  return {
    id,
    uid,
    state: isReady ? 'ready' : 'not_ready',
    ...(pid !== undefined && { pid }),
    ...(status?.netnsPath !== undefined && { netnsPath: status.netnsPath }),
    isNetnsClosed: status?.isNetnsClosed === true,
    ...(status !== undefined && { isHostNetwork: status.isHostNetwork }),
    runtimeHandler,
    isVirtualMachine: isVirtualMachine(runtimeHandler, status?.runtimeType),
    ...(status?.interfaces !== undefined && { interfaces: status.interfaces }),
    ...(cgroup !== undefined && { cgroup }),
    containers: containers.map((container) => describeContainer(container, cgroup)),
  };
}

function describeContainer(
  { id, sandboxId, name, image, attempt, state }: ListedContainer,
  sandboxCgroup: string | undefined,
): SandboxContainer {
  const cgroup =
    sandboxCgroup === undefined ? undefined : containerCgroup(sandboxCgroup, { sandboxId, containerId: id });
  return { id, name, image, attempt, state, ...(cgroup !== undefined && { cgroup }) };
}
