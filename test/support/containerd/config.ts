import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where one containerd keeps what: all below one directory. */
export interface Places {
  readonly directory: string;
  readonly config: string;
  readonly socket: string;
  readonly root: string;
  readonly state: string;
  readonly runc: string;
  readonly cniConfig: string;
  readonly cniData: string;
  readonly logs: string;
}

/** A CNI network of the pods: the first is that of eth0, the second that of eth1. */
export interface CniNetwork {
  readonly name: string;
  readonly interfaceName: string;
  readonly subnet: string;
}

export const IMAGE = 'local.test/busybox:1';
const CNI_PLUGINS = '/usr/lib/cni'; // Debian's; upstream's is /opt/cni/bin

export function placesIn(directory: string): Places {
  const at = (name: string): string => join(directory, name);
  return {
    ...{ directory, config: at('config.toml'), socket: at('containerd.sock'), root: at('root'), state: at('state') },
    ...{ runc: at('runc'), cniConfig: at('cni'), cniData: at('cni-data'), logs: at('logs') },
  };
}

/** @param octet the networks are 10.<octet>.0.0/24 and 10.<octet>.1.0/24 */
export function networksOf(prefix: string, octet: number): readonly [CniNetwork, CniNetwork] {
  return [
    { name: `${prefix}-ptp`, interfaceName: 'eth0', subnet: `10.${octet}.0.0/24` },
    { name: `${prefix}-bridge`, interfaceName: 'eth1', subnet: `10.${octet}.1.0/24` },
  ];
}

export async function writeConfig(
  places: Places,
  [routed, bridged]: readonly [CniNetwork, CniNetwork],
  bridge: string,
): Promise<void> {
  for (const directory of [places.cniConfig, places.cniData, places.logs]) await mkdir(directory);
  await writeFile(places.config, containerdConfig(places));
  const ipam = (subnet: string, rest: object): object => ({
    ...{ type: 'host-local', dataDir: places.cniData, ranges: [[{ subnet }]], ...rest },
  });
  const configs = [
    conflist(routed.name, {
      type: 'ptp',
      ipMasq: false,
      ipam: ipam(routed.subnet, { routes: [{ dst: '0.0.0.0/0' }] }),
    }),
    conflist(bridged.name, { type: 'bridge', bridge, isGateway: false, ipMasq: false, ipam: ipam(bridged.subnet, {}) }),
  ];
  for (const [n, text] of configs.entries()) await writeFile(join(places.cniConfig, `${n}.conflist`), text); // in order: eth0, eth1
}

function conflist(name: string, plugin: object): string {
  return JSON.stringify({ cniVersion: '0.4.0', name, plugins: [plugin] });
}

/**
 * What a machine without AppArmor, huge pages and the right to lower an OOM score lets run. Namespaces are mounted in the state
 * directory, so that all mounts are below one directory; every conflist is loaded, so that a pod has two interfaces without Multus.
 */
function containerdConfig({ socket, root, state, runc, cniConfig }: Places): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = "${root}"
state = "${state}"
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt",
]
[grpc]
  address = "${socket}"
[${cri}]
  sandbox_image = "${IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  netns_mounts_under_state_dir = true
[${cri}.cni]
  bin_dir = "${CNI_PLUGINS}"
  conf_dir = "${cniConfig}"
  max_conf_num = 0
[${cri}.containerd]
  snapshotter = "native"
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
  Root = "${runc}"
`;
}
