/**
 * What kubelet and runtimes call the cgroups of pods.
 *
 * | driver | pod | container |
 * |---|---|---|
 * | cgroupfs | `kubepods/burstable/pod<uid>` | `<id>`, `crio-<id>`, `kata_<id>` |
 * | systemd | `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid with _>.slice` | `cri-containerd-<id>.scope`, `crio-<id>.scope`, `docker-<id>.scope` |
 * | of kubelet systemd, of containerd cgroupfs | as systemd has it, and empty | `kubepods-burstable-pod<uid with _>.slice:cri-containerd:<id>`, wherever containerd itself is |
 *
 * With `--cgroup-root`, and in kind, all of it is below other cgroups, and a slice has their names before its own:
 * `kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod<uid>.slice`.
 * @see Kubernetes pkg/kubelet/cm/cgroup_manager_linux.go and pod_container_manager_linux.go
 */

const CGROUPFS_POD = /^pod([\w.-]{1,253})$/;
/** A `-` in the uid would make another slice of it, so the kubelet writes `_`. */
const SYSTEMD_POD = /^(?:[^:]*-)?pod([\w.]{1,253})\.slice(?::[^:]*:[^:]*)?$/;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
/** Of a static pod: the MD5 of its manifest. */
const STATIC = /^[0-9a-f]{32}$/;
const CONTAINER = /(?:^|[-_:])([0-9a-f]{64})(?:\.scope)?$/;
const KUBEPODS = /^(?:[^:]*-)?kubepods(?:\.slice)?$/;
const LESSER_POD = /(?:^|-)(?:burstable|besteffort)-pod/;
const QOS = /^(?:(?:[^:]*-)?kubepods-)?(?:burstable|besteffort)(?:\.slice)?$/;

/** A uid as it is compared: names of slices have `_` for `-`. */
export function uidKey(uid: string): string {
  return uid.replaceAll('_', '-');
}

/** Key of the pod whose cgroup has this name, if a pod's has. Whether there is such a pod is not for the name to say (`podman`). */
export function podKeyOf(name: string): string | undefined {
  const uid = (SYSTEMD_POD.exec(name) ?? CGROUPFS_POD.exec(name))?.[1];
  return uid === undefined ? undefined : uidKey(uid);
}

/** Whether it is what Kubernetes makes up itself. A static pod's manifest may say any other. */
export function isUsualKey(key: string): boolean {
  return UUID.test(key) || STATIC.test(key);
}

/** Id of the container whose cgroup has this name. */
export function containerIdOf(name: string): string | undefined {
  return CONTAINER.exec(name)?.[1];
}

/** Whether a pod's cgroup has no children for containers: it is a container's itself. */
export function isContainerOfPod(name: string): boolean {
  return name.includes(':');
}

/** A cgroup in a pod's that holds what looks after containers, and is in the node's network namespace. */
export function isHelper(name: string): boolean {
  return /(?:^|-)conmon-/.test(name) || name.startsWith('kata_overhead');
}

/** Whether the pod that has a cgroup of this path is of the class Guaranteed: the other classes are in its path, or in its name. */
export function isGuaranteed(path: string): boolean {
  const [parent = '', name = ''] = path.split('/').slice(-2);
  return !QOS.test(parent) && !LESSER_POD.test(name);
}

/** Whether pods are put into a cgroup of this path, also while there are none. */
export function isForPods(path: string): boolean {
  const [parent = '', name = ''] = path.split('/').slice(-2);
  return KUBEPODS.test(name) || (KUBEPODS.test(parent) && QOS.test(name));
}
