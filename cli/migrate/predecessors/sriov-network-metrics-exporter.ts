import {
  AGENT_TARGET_LABELS,
  TARGET_LABELS,
  type LabelChanges,
  type OldFamily,
  type Predecessor,
} from './predecessor.js';

const DEVICE = 'sriov_kubepoddevice';
const CPU = 'sriov_kubepodcpu';

/** What podnet calls a stat of theirs, between `podnet_vf_` and `_total`. */
const STATS: Readonly<Record<string, string>> = {
  rx_bytes: 'receive_bytes',
  rx_packets: 'receive_packets',
  rx_errors: 'receive_errors',
  rx_dropped: 'receive_packets_dropped',
  rx_broadcast: 'receive_broadcast_packets',
  rx_multicast: 'receive_multicast_packets',
  tx_bytes: 'transmit_bytes',
  tx_packets: 'transmit_packets',
  tx_errors: 'transmit_errors',
  tx_dropped: 'transmit_packets_dropped',
  tx_broadcast: 'transmit_broadcast_packets',
  tx_multicast: 'transmit_multicast_packets',
  tx_spoofed: 'transmit_spoofed_packets',
};
/** Those that the rules of the SR-IOV network operator record. */
const RECORDED = /^([rt]x_(bytes|packets|dropped)|rx_(broadcast|multicast))$/;

const VF_LABELS: LabelChanges = {
  ...AGENT_TARGET_LABELS,
  pciAddr: { kind: 'renamed', to: 'pci_address' },
};
const OWNED_LABELS: LabelChanges = {
  ...TARGET_LABELS,
  instance: { kind: 'renamed', to: 'node' },
  pciAddr: { kind: 'renamed', to: 'pci_address' },
  dev_type: { kind: 'renamed', to: 'resource' },
};
const CPU_LABELS: LabelChanges = {
  ...TARGET_LABELS,
  instance: { kind: 'renamed', to: 'node' },
  cpu_id: { kind: 'renamed', to: 'cpu' },
  uid: { kind: 'lost', why: 'podnet_pod_cpu_info has namespace and pod, and no uid' },
  container_id: { kind: 'lost', why: "podnet_pod_cpu_info has the container's name, and not its id" },
};

function deviceFamily(name: string): OldFamily {
  return {
    name,
    ours: { name: 'podnet_vf_info', where: ['container!=""'] },
    labels: OWNED_LABELS,
    info: { value: 1, gives: ['pod', 'namespace', 'dev_type'], keys: ['pciAddr'] },
  };
}

function cpuFamily(name: string): OldFamily {
  return { name, ours: { name: 'podnet_pod_cpu_info' }, labels: CPU_LABELS };
}

export const SRIOV_NETWORK_METRICS_EXPORTER: Predecessor = {
  name: 'sriov-network-metrics-exporter',
  families: [
    ...Object.entries(STATS).map(([stat, ours]): OldFamily => ({
      name: `sriov_vf_${stat}`,
      ours: {
        name: '',
        joined: `podnet_vf_${ours}_total`,
        where: [`__name__=~"podnet_vf_(unattributed_)?${ours}_total"`],
        sumBy: ['node', 'pf', 'vf', 'pci_address', 'numa_node'],
      },
      labels: VF_LABELS,
      note: 'podnet_vf_*_total begin at 0 for each pod that gets a VF; what was counted while none had it is podnet_vf_unattributed_*_total',
    })),
    ...Object.entries(STATS)
      .filter(([stat]) => RECORDED.test(stat))
      .map(([stat, ours]): OldFamily => ({
        name: `network:sriov_vf_${stat}`,
        ours: { name: `podnet_vf_${ours}_total` },
        labels: OWNED_LABELS,
        isRecorded: true,
      })),
    deviceFamily(DEVICE),
    deviceFamily('kubepoddevice'),
    cpuFamily(CPU),
    cpuFamily('kubepodcpu'),
    {
      name: 'sriov_cpu_info',
      labels: { ...AGENT_TARGET_LABELS },
      note: 'podnet has no family of the CPUs of a node: keep it with --compat',
    },
  ],
  foreignInfos: [CPU, 'kubepodcpu'].map((of) => ({
    ...{ name: 'kube_pod_info', of },
    ...{ on: ['uid'], gives: ['pod', 'namespace', 'node'] },
  })),
  facts: [
    {
      applies: ({ joins }) =>
        joins.some(({ on }) => on !== undefined && !on.includes('node') && !on.includes('instance')),
      wrong:
        'Joined without the node: VFs of equal machines have equal PCI addresses, so that with two nodes the query fails or names the wrong pod.',
      needs: 'join on (node, pciAddr), and keep honor_labels',
      isBroken: true,
    },
    {
      applies: ({ names }) => names.some((name) => /^(network:)?sriov_vf_/.test(name)),
      wrong: 'A driver that counts nothing gave zeros, which cannot be told from a VF without traffic.',
    },
    {
      applies: ({ names, foreignJoins }) =>
        names.some((name) => name.endsWith('kubepodcpu')) && foreignJoins.length > 0,
      wrong:
        'uid had underscores where kube_pod_info has dashes: the join found nothing under the systemd driver of cgroups.',
    },
  ],
};
