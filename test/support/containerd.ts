import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { networksOf, placesIn, writeConfig, type CniNetwork, type Places } from './containerd/config.js';
import { CriClient } from './containerd/cri.js';
import { Daemon } from './containerd/daemon.js';
import { importArchive, importImage } from './containerd/image.js';
import type { Owner } from './containerd/leftovers.js';
import { addBridge } from './containerd/network.js';
import { Pods, type ContainerSpec, type PodSpec, type RunningContainer, type RunningPod } from './containerd/pods.js';
import { PodSockets, type Datagrams } from './containerd/sockets.js';
import { claim, removeLeftovers } from './containerd/teardown.js';
import type { Requirement } from './requirements.js';
import { eventually } from './programs.js';

export interface ContainerdOptions {
  /** Of its bridge, its networks and its cgroups: short, and no other test's. */
  readonly prefix: string;
  /** Its networks are 10.<octet>.0.0/24 and 10.<octet>.1.0/24. */
  readonly octet: number;
}

/** What {@link Containerd} needs of the machine. */
export const CONTAINERD_REQUIREMENTS: readonly Requirement[] = [
  ...(['root', 'containerd', 'runc', 'ctr', 'busybox', 'cni-plugins', 'ip', 'nsenter', 'umount', 'tar'] as const),
];

/**
 * A containerd of its own with its CRI plugin, and pods in it as a kubelet makes them: each has eth0 in a routed network and eth1
 * in a bridged one. There is no Multus: containerd loads both networks.
 */
export class Containerd {
  readonly cri: CriClient;
  readonly networks: readonly [CniNetwork, CniNetwork];
  readonly owner: Owner;
  /** Below each hierarchy: what a kubelet would call /kubepods. */
  readonly cgroup: string;
  readonly #places: Places;
  readonly #daemon: Daemon;
  readonly #pods: Pods;
  readonly #links = new Set<string>();
  readonly #sockets = new PodSockets();

  private constructor(directory: string, { prefix, octet }: ContainerdOptions) {
    this.owner = { directory, prefix, links: this.#links };
    this.networks = networksOf(prefix, octet);
    this.cgroup = `/${prefix}/kubepods`;
    this.#places = placesIn(directory);
    this.#daemon = new Daemon(this.#places);
    this.cri = new CriClient(this.endpoint);
    this.#pods = new Pods(this.cri, { cgroup: this.cgroup, logs: this.#places.logs });
  }

  static async start(options: ContainerdOptions): Promise<Containerd> {
    const containerd = new Containerd(await mkdtemp(join(tmpdir(), `${options.prefix}-`)), options);
    await claim(containerd.owner).catch(async (error: unknown) => {
      await rm(containerd.owner.directory, { recursive: true }); // all else is another's
      throw error;
    });
    try {
      await containerd.#prepare();
    } catch (error) {
      await containerd.close();
      throw error;
    }
    return containerd;
  }

  /** As in --cri-endpoint. */
  get endpoint(): string {
    return `unix://${this.#places.socket}`;
  }

  /** @param archive an image as `docker save` writes it */
  importImage(archive: string): Promise<void> {
    return importArchive(this.#places.socket, archive);
  }

  async createPod(spec: PodSpec): Promise<RunningPod> {
    const pod = await this.#pods.create(spec);
    pod.hostInterfaces.forEach((name) => this.#links.add(name));
    if (pod.netns !== undefined) this.#sockets.open(pod.sandboxId, pod.netns);
    return pod;
  }

  /** Starts one more container in a pod, which is none of those that the tests' objects tell of. */
  addContainer(pod: RunningPod, spec: ContainerSpec): Promise<RunningContainer> {
    return this.#pods.addContainer(pod, spec);
  }

  /** Ends the process of a container from outside, and waits until the runtime has noticed. */
  async killContainer(pod: RunningPod, name = 'main'): Promise<void> {
    const container = pod.containers.find((one) => one.name === name);
    if (container === undefined) throw new TypeError(`no ${name} in ${pod.name}`);
    process.kill(container.pid, 'SIGKILL');
    await eventually(
      () => this.cri.containerStatus(container.id),
      ({ state }) => state === 'CONTAINER_EXITED',
    );
  }

  /** Puts another container in the place of one that ended, as a kubelet does. @returns the pod as it is then */
  restartContainer(pod: RunningPod, name = 'main'): Promise<RunningPod> {
    return this.#pods.restartContainer(pod, name);
  }

  /** Ends the pause of a pod from outside: its other containers go on, in its network namespace. */
  async killSandbox({ pid, sandboxId }: RunningPod): Promise<void> {
    process.kill(pid, 'SIGKILL');
    await eventually(
      () => this.cri.podSandboxStatus(sandboxId),
      ({ state }) => state === 'SANDBOX_NOTREADY',
    );
  }

  /** Ends its processes and takes its network away; what it was can still be asked. */
  async stopPod({ sandboxId }: RunningPod): Promise<void> {
    this.#sockets.close(sandboxId); // it would keep the namespace
    await this.cri.stopPodSandbox(sandboxId);
  }

  async removePod(pod: RunningPod): Promise<void> {
    await this.stopPod(pod);
    await this.cri.removePodSandbox(pod.sandboxId);
  }

  /** Ends containerd and starts it again; pods go on meanwhile. */
  async restart(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#daemon.stop(signal);
    await this.#daemon.start(this.cri);
  }

  /** Ends containerd; pods go on. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    return this.#daemon.stop(signal);
  }

  /** After {@link stop}. */
  resume(): Promise<void> {
    return this.#daemon.start(this.cri);
  }

  /** Counted UDP from one pod to another, and ARP where they have not spoken for a while. */
  async send(from: RunningPod, to: RunningPod, datagrams: Datagrams): Promise<void> {
    const address = to.interfaces.find(({ name }) => name === datagrams.interfaceName)?.address;
    if (address === undefined) throw new TypeError(`no ${datagrams.interfaceName} in ${to.name}`);
    await this.#sockets.send(from.sandboxId, address, datagrams);
  }

  /** Leaves nothing: removes pods in order where the runtime still does that, and by force what is left. */
  async close(): Promise<void> {
    this.#sockets.closeAll();
    try {
      const pods = await this.cri.listPodSandboxes().catch(() => []); // it was ended, or did not come up
      await Promise.allSettled(pods.map(({ id }) => this.#removeSandbox(id)));
      await this.#daemon.stop();
    } finally {
      this.cri.close();
      await removeLeftovers(this.owner, this.#places);
    }
  }

  async #removeSandbox(id: string): Promise<void> {
    await this.cri.stopPodSandbox(id);
    await this.cri.removePodSandbox(id);
  }

  async #prepare(): Promise<void> {
    const bridge = `${this.owner.prefix}br`;
    await writeConfig(this.#places, this.networks, bridge);
    addBridge(bridge);
    await this.#daemon.start(this.cri);
    await importImage(this.#places);
  }
}
