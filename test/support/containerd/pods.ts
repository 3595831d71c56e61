import { IMAGE } from './config.js';
import type { CriClient } from './cri.js';
import { silence } from './network.js';

/** A pod as a test wants it. */
export interface PodSpec {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Their names: `main` and `sidecar`, unless it says otherwise. They sleep. */
  readonly containers?: readonly string[];
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  /** As the kubelet makes them with the cgroupfs driver, unless it says otherwise: <prefix>/kubepods/burstable/pod<uid>. */
  readonly cgroupParent?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A container that does more than sleep. */
export interface ContainerSpec {
  readonly name: string;
  /** Another one than that of the containers that sleep. */
  readonly image?: string;
  /** In place of the image's own program. */
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** All of them read-only. */
  readonly mounts?: readonly HostPath[];
  /** What a kubelet makes of a securityContext, in the words of CRI. */
  readonly securityContext?: object;
}

export interface HostPath {
  readonly hostPath: string;
  readonly containerPath: string;
}

export interface RunningContainer {
  readonly name: string;
  readonly id: string;
  readonly pid: number;
  readonly restartCount: number;
  /** Where its output is, in the form of CRI. */
  readonly log: string;
}

export interface RunningPod extends Required<Omit<PodSpec, 'containers'>> {
  readonly createdMs: number;
  readonly sandboxId: string;
  /** Of its pause. */
  readonly pid: number;
  /** Path of its network namespace; undefined with hostNetwork. */
  readonly netns: string | undefined;
  readonly interfaces: readonly PodInterface[];
  /** The host's ends of them, in no order. */
  readonly hostInterfaces: readonly string[];
  readonly containers: readonly RunningContainer[];
}

export interface PodInterface {
  readonly name: string;
  readonly address: string;
  readonly mac: string;
}

const SLEEP = ['/bin/sleep', '2147483647'];
const DEFAULT_CONTAINERS: readonly string[] = ['main', 'sidecar'];
/** IPv6 would count packets that no test sent. */
const SYSCTLS = { 'net.ipv6.conf.all.disable_ipv6': '1', 'net.ipv6.conf.default.disable_ipv6': '1' };

/** Makes pods as a kubelet does: a sandbox, then its containers in order. */
export class Pods {
  readonly #cri: CriClient;
  readonly #where: { readonly cgroup: string; readonly logs: string };

  constructor(cri: CriClient, where: { readonly cgroup: string; readonly logs: string }) {
    this.#cri = cri;
    this.#where = where;
  }

  async create(spec: PodSpec): Promise<RunningPod> {
    const { hostNetwork = false, hostPID = false, labels = {}, containers = DEFAULT_CONTAINERS } = spec;
    const { cgroupParent = `${this.#where.cgroup}/burstable/pod${spec.uid}` } = spec;
    const named = { ...spec, hostNetwork, hostPID, labels, cgroupParent };
    const sandboxId = await this.#cri.runPodSandbox(this.#sandboxConfig(named));
    const { pid, netns, interfaces } = await this.#cri.podSandboxStatus(sandboxId);
    const hostInterfaces = interfaces
      .filter(({ name, isInside }) => !isInside && name.startsWith('veth')) // the bridge is listed, too
      .map(({ name }) => name);
    hostInterfaces.forEach(silence);
    const pod = {
      ...{ ...named, createdMs: Date.now(), sandboxId, pid, netns, hostInterfaces, containers: [] },
      interfaces: interfaces
        .filter(({ name, isInside }) => isInside && name !== 'lo')
        .map(({ name, mac, addresses }) => ({ name, mac, address: addresses[0] ?? '' }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    };
    const running: RunningContainer[] = [];
    for (const name of containers) running.push(await this.#run(pod, { name, command: SLEEP }, 0));
    return { ...pod, containers: running };
  }

  /** Starts one more container in a pod. */
  async addContainer(pod: RunningPod, spec: ContainerSpec): Promise<RunningContainer> {
    return this.#run(pod, spec, 0);
  }

  /** Puts another container in the place of one that ended, as a kubelet does. */
  async restartContainer(pod: RunningPod, name: string): Promise<RunningPod> {
    const before = pod.containers.find((one) => one.name === name);
    if (before === undefined) throw new TypeError(`no ${name} in ${pod.name}`);
    const container = await this.#run(pod, { name, command: SLEEP }, before.restartCount + 1);
    await this.#cri.removeContainer(before.id);
    return { ...pod, containers: pod.containers.map((one) => (one === before ? container : one)) };
  }

  async #run(pod: RunningPod, spec: ContainerSpec, attempt: number): Promise<RunningContainer> {
    const { name, image = IMAGE, command = [], args = [], env = {}, mounts = [], securityContext = {} } = spec;
    const logPath = `${name}-${attempt}.log`;
    const config = {
      metadata: { name, attempt },
      ...{ image: { image }, command, args, log_path: logPath },
      envs: Object.entries(env).map(([key, value]) => ({ key, value })),
      mounts: mounts.map(({ hostPath, containerPath }) => ({
        ...{ host_path: hostPath, container_path: containerPath, readonly: true },
      })),
      labels: { ...kubeletLabels(pod), 'io.kubernetes.container.name': name },
      annotations: { 'io.kubernetes.container.restartCount': String(attempt) },
      linux: { security_context: { ...securityContext, namespace_options: namespaceOptions(pod) } },
    };
    const id = await this.#cri.createContainer(pod.sandboxId, config, this.#sandboxConfig(pod));
    await this.#cri.startContainer(id);
    const { pid } = await this.#cri.containerStatus(id);
    return { name, id, pid, restartCount: attempt, log: `${this.#where.logs}/${pod.uid}/${logPath}` };
  }

  #sandboxConfig(pod: Omit<Required<PodSpec>, 'containers'>): object {
    const { namespace, name, uid, labels, hostNetwork, cgroupParent } = pod;
    return {
      ...{ metadata: { name, namespace, uid, attempt: 0 }, hostname: hostNetwork ? '' : name },
      log_directory: `${this.#where.logs}/${uid}`,
      dns_config: { servers: ['127.0.0.1'] },
      labels: { ...labels, ...kubeletLabels(pod) },
      annotations: { 'kubernetes.io/config.source': 'api' },
      linux: {
        cgroup_parent: cgroupParent,
        security_context: { namespace_options: namespaceOptions(pod) },
        sysctls: hostNetwork ? {} : SYSCTLS,
      },
    };
  }
}

function kubeletLabels({ namespace, name, uid }: Pick<PodSpec, 'namespace' | 'name' | 'uid'>): Record<string, string> {
  return {
    ...{ 'io.kubernetes.pod.namespace': namespace, 'io.kubernetes.pod.name': name },
    'io.kubernetes.pod.uid': uid,
  };
}

function namespaceOptions({ hostNetwork, hostPID }: Pick<RunningPod, 'hostNetwork' | 'hostPID'>): object {
  return { network: hostNetwork ? 'NODE' : 'POD', pid: hostPID ? 'NODE' : 'CONTAINER', ipc: 'POD' };
}
