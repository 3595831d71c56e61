import type { Sandbox } from '../cri/sandbox.js';
import type { ListedPod } from './listed-pod.js';
import type { Attachment, Pod, PodContainer, PodSource } from './pod.js';
import type { Located } from './pod-processes.js';

export interface KubernetesPodsDeps {
  /** Undefined before the list has been whole once: what pods there are is not known then. */
  readonly listed: () => Iterable<ListedPod> | undefined;
  /** Whether the list is that of now, but for the last moments. */
  readonly isCurrent: (nowMs: number) => boolean;
  readonly locate: (pods: readonly ListedPod[], nowMs: number) => ReadonlyMap<string, Located>;
  /** What the runtime says of a pod, where it is asked. */
  readonly sandboxOf: (pod: ListedPod) => Sandbox | undefined;
}

type Containers = NonNullable<Pod['containers']>;
type Place = Extract<Located, { readonly netns: unknown }>;

/**
 * The pods that the Kubernetes API lists for this node, and where in the kernel each of them is. Pods on the host network are listed
 * and not looked for: what the node's namespace counts is the node's.
 */
export function createKubernetesPods({ listed, isCurrent, locate, sandboxOf }: KubernetesPodsDeps): PodSource {
  return {
    pods(nowMs) {
      const known = listed();
      if (known === undefined) return undefined;
      const pods = [...known];
      const located = locate(pods.filter(hasNetns), nowMs);
      const phaseOf = ({ phase }: ListedPod) => (phase === 'waiting' && !isCurrent(nowMs) ? 'running' : phase);
      return pods.map((pod) => describe({ ...pod, phase: phaseOf(pod) }, located.get(pod.uid), sandboxOf(pod)));
    },
  };
}

function hasNetns({ hostNetwork, phase }: ListedPod): boolean {
  return !hostNetwork && phase !== 'ended';
}

function describe(listed: ListedPod, located: Located | undefined, sandbox: Sandbox | undefined): Pod {
  const { cgroupUid: _uid, isTerminating: _isTerminating, addresses: _addresses, ...rest } = listed;
  const { phase, container, containers, ...pod } = rest;
  const place = located !== undefined && 'netns' in located ? located : undefined;
  const named = containerOf(container, place, sandbox);
  return {
    ...pod,
    attachments: withDevices(pod.attachments, sandbox),
    ...(named !== undefined && { container: named }),
    ...(containers !== undefined && { containers: withIds(containers, sandbox) }),
    ...(phase === 'ended' && { isEnded: true as const }),
    ...(place !== undefined && { netns: place.netns }),
    ...(place === undefined && !pod.hostNetwork && { netnsAbsence: absenceOf(phase, located, sandbox) }),
  };
}

/** One that has not started or has ended has no network; that is known. Of any other it is not known where it is. */
function absenceOf(
  phase: ListedPod['phase'],
  located: Located | undefined,
  sandbox: Sandbox | undefined,
): NonNullable<Pod['netnsAbsence']> {
  if (phase === 'ended') return 'none';
  const reason = located !== undefined && 'absence' in located ? located.absence : 'no_process';
  if (reason !== 'no_process') return reason;
  if (sandbox?.isVirtualMachine === true) return 'virtual_machine';
  return phase === 'waiting' && sandbox === undefined ? 'none' : reason;
}

/** By the API, which has the order of the specification; what it does not know yet, by the runtime. */
function containerOf(
  container: ListedPod['container'],
  place: Place | undefined,
  sandbox: Sandbox | undefined,
): PodContainer | undefined {
  if (container === undefined) return undefined;
  const { name, image } = container;
  const known = sandbox?.containers.find((one) => one.name === name);
  const id = known?.id ?? container.id;
  const cgroup =
    id === undefined ? undefined : (place?.cgroups.get(id) ?? (known?.id === id ? known.cgroup : undefined));
  return { name, image, cgroup: cgroup ?? '' };
}

/** The ids of containers that the runtime started and the API does not know yet, or knows as they were before. */
function withIds(containers: Containers, sandbox: Sandbox | undefined): Containers {
  const known = sandbox?.containers ?? [];
  if (known.length === 0) return containers;
  return containers.map(({ name, id }) => {
    const newest = known.find((one) => one.name === name)?.id ?? id;
    return { name, ...(newest !== undefined && { id: newest }) };
  });
}

/** The device behind an interface, where the annotation does not tell it and the runtime does (containerd 2.1). */
function withDevices(attachments: Pod['attachments'], sandbox: Sandbox | undefined): Pod['attachments'] {
  const addresses = new Map(
    (sandbox?.interfaces ?? []).flatMap(({ name, isInPod, pciAddress }): [string, string][] =>
      isInPod && pciAddress !== undefined ? [[name, pciAddress]] : [],
    ),
  );
  if (addresses.size === 0) return attachments;
  return new Map(
    [...attachments].map(([name, attachment]): [string, Attachment] => {
      const pciAddress = attachment.pciAddress ?? addresses.get(name);
      return [name, { ...attachment, ...(pciAddress !== undefined && { pciAddress }) }];
    }),
  );
}
