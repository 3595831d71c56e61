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
  /** As the kubelet makes them with the cgroupfs driver, unless it says otherwise: <prefix>/kubepods/burstable/pod<uid>. */
  readonly cgroupParent?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface RunningContainer {
  readonly name: string;
  readonly id: string;
  readonly pid: number;
  readonly restartCount: number;
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
    const { hostNetwork = false, labels = {}, containers = DEFAULT_CONTAINERS } = spec;
    const { cgroupParent = `${this.#where.cgroup}/burstable/pod${spec.uid}` } = spec;
    const named = { ...spec, hostNetwork, labels, cgroupParent };
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
    for (const name of containers) running.push(await this.#run(pod, name, 0));
    return { ...pod, containers: running };
  }

  /** Puts another container in the place of one that ended, as a kubelet does. */
  async restartContainer(pod: RunningPod, name: string): Promise<RunningPod> {
    const before = pod.containers.find((one) => one.name === name);
    if (before === undefined) throw new TypeError(`no ${name} in ${pod.name}`);
    const container = await this.#run(pod, name, before.restartCount + 1);
    await this.#cri.removeContainer(before.id);
    return { ...pod, containers: pod.containers.map((one) => (one === before ? container : one)) };
  }

  async #run(pod: RunningPod, name: string, attempt: number): Promise<RunningContainer> {
    const config = {
      metadata: { name, attempt },
      ...{ image: { image: IMAGE }, command: SLEEP, log_path: `${name}-${attempt}.log` },
      labels: { ...kubeletLabels(pod), 'io.kubernetes.container.name': name },
      annotations: { 'io.kubernetes.container.restartCount': String(attempt) },
      linux: { security_context: { namespace_options: namespaceOptions(pod) } },
    };
    const id = await this.#cri.createContainer(pod.sandboxId, config, this.#sandboxConfig(pod));
    await this.#cri.startContainer(id);
    const { pid } = await this.#cri.containerStatus(id);
    return { name, id, pid, restartCount: attempt };
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

function namespaceOptions({ hostNetwork }: { readonly hostNetwork: boolean }): object {
  return { network: hostNetwork ? 'NODE' : 'POD', pid: 'CONTAINER', ipc: 'POD' };
}
