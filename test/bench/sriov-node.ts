import type { BenchPod } from './agent-node.js';
import { POD_RESOURCES_LISTER } from '../../nodeagent/podresources/messages.js';
import { GrpcServer, makeSocketDirectory } from '../support/grpc-server.js';
import { SysfsTree } from '../support/sysfs-tree.js';
import { addPf, addVf } from '../support/sysfs-functions.js';

const PFS = 2;
const STATS = [
  'rx_bytes',
  'rx_packets',
  'rx_dropped',
  'tx_bytes',
  'tx_packets',
  'tx_dropped',
  'tx_errors',
  'tx_spoofed',
];

interface Kubelet {
  readonly flags: readonly string[];
  readonly stop: () => void;
  readonly remove: () => PromiseLike<void>;
}

/** What an agent sees of SR-IOV on a node: a sysfs with VFs that the driver counts there, and a kubelet that gave them to pods. */
export class SriovNode {
  readonly #sysfs: SysfsTree;
  readonly #kubelet: Kubelet;

  private constructor(sysfs: SysfsTree, kubelet: Kubelet) {
    this.#sysfs = sysfs;
    this.#kubelet = kubelet;
  }

  /** Of an agent. */
  get flags(): readonly string[] {
    return this.#kubelet.flags;
  }

  /** @param vfs altogether; @param pods which have them in turn */
  static async start(vfs: number, pods: readonly BenchPod[]): Promise<SriovNode> {
    const sysfs = SysfsTree.empty();
    const addresses: string[] = [];
    for (let pf = 0; pf < PFS; pf++) {
      const path = addPf(sysfs, `0000:${pf + 1}7:00.0`);
      for (let index = 0; index < vfs / PFS; index++) {
        const address = `0000:${pf + 1}7:${(1 + (index >> 3)).toString(16).padStart(2, '0')}.${index & 7}`;
        addVf(sysfs, path, index, address);
        sysfs.write(`bus/pci/devices/${address}/numa_node`, `${pf}\n`);
        for (const file of STATS) sysfs.write(`${path}/sriov/${index}/stats/${file}`, `${1_000_000 + index}\n`);
        addresses.push(address);
      }
    }
    const { socketPath, [Symbol.asyncDispose]: remove } = await makeSocketDirectory();
    const List = () => ({
      pod_resources: pods.map(({ namespace, name }, i) => ({
        ...{ namespace, name },
        containers: [
          {
            ...{ name: 'main', cpu_ids: [] },
            devices: addresses
              .filter((_, vf) => vf % pods.length === i)
              .map((address) => ({ resource_name: 'openshift.io/inteldpdk', device_ids: [address] })),
          },
        ],
      })),
    });
    const kubelet = await GrpcServer.start(POD_RESOURCES_LISTER, socketPath, { List });
    const flags = ['--path.sysfs', sysfs.root, '--path.kubelet-socket', socketPath];
    return new SriovNode(sysfs, { flags, stop: () => kubelet.stop(), remove });
  }

  async close(): Promise<void> {
    this.#kubelet.stop();
    await this.#kubelet.remove();
    this.#sysfs[Symbol.dispose]();
  }
}
