import { containerNetworkFamilies, sandboxLabels } from './container-network.js';
import { TARGET_LABELS, type LabelChanges, type Predecessor } from './predecessor.js';

const INFO = 'pod_interface_shim';

const COUNTER_LABELS: LabelChanges = {
  ...TARGET_LABELS,
  ...sandboxLabels(true),
  instance: { kind: 'renamed', to: 'node' },
  interface: { kind: 'interface' },
};

export const PROMETHEUS_NETWORK_SHIM: Predecessor = {
  name: 'prometheus-network-shim',
  families: [
    {
      name: INFO,
      ours: { name: 'podnet_interface_info', where: ['host_interface!=""'] },
      labels: { ...COUNTER_LABELS, interface: { kind: 'renamed', to: 'host_interface' } },
      info: { value: 0, gives: ['namespace', 'pod'], keys: ['interface'], isOfHost: true },
      note: 'podnet_interface_info is 1 where pod_interface_shim was 0',
    },
    ...containerNetworkFamilies((name) => name, {
      labels: COUNTER_LABELS,
      isRecorded: true,
      note: 'where cAdvisor has series of pods it works unchanged; interface is the name in the pod (eth0), as cAdvisor has it; that on the node is host_interface of podnet_interface_info',
    }),
  ],
  facts: [
    {
      applies: ({ names }) => names.some((name) => /^container_network_(receive|transmit)/.test(name)),
      wrong:
        'Of the shim, receive was what the pod sent and transmit what it received; a panel that was turned around for that has to be turned back. ' +
        "A pod on its node's network had the node's whole traffic, in every sum once more.",
    },
    {
      applies: ({ joins }) => joins.some(({ info }) => info === INFO),
      wrong:
        'The join fails where cAdvisor has series of pods as well, and takes what the pod sent for what it received.',
      needs: 'take container_network_* without the join',
      isBroken: true,
    },
  ],
};
