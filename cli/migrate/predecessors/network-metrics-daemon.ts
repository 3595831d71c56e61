import { containerNetworkFamilies, sandboxLabels } from './container-network.js';
import { TARGET_LABELS, type LabelChanges, type Predecessor } from './predecessor.js';

const INFO = 'pod_network_name_info';

const labelsWith = (networkLabel: string): LabelChanges => ({
  ...TARGET_LABELS,
  instance: { kind: 'renamed', to: 'node' },
  [networkLabel]: { kind: 'network' },
});

export const NETWORK_METRICS_DAEMON: Predecessor = {
  name: 'network-metrics-daemon',
  families: [
    {
      name: INFO,
      ours: { name: 'podnet_interface_info' },
      labels: labelsWith('network_name'),
      info: { value: 0, gives: ['network_name'], keys: ['namespace', 'pod', 'interface'] },
      note: 'podnet_interface_info is 1 where pod_network_name_info was 0; with --compat, too, pods without the annotation are among them',
    },
    ...containerNetworkFamilies((name) => `network:${name}`, {
      labels: { ...labelsWith('network_name'), ...sandboxLabels(false) },
      isRecorded: true,
    }),
    ...containerNetworkFamilies((name) => `${name}_intf`, {
      labels: { ...labelsWith('networkname'), ...sandboxLabels(false) },
      isRecorded: true,
    }),
  ],
  facts: [
    {
      applies: ({ joins }) => joins.some(({ info }) => info === INFO),
      wrong:
        'The join loses every pod without the annotation, and fails for all pods when one interface has two infos (a pod that moved, a restart).',
    },
    {
      applies: ({ joins }) =>
        joins.some(({ info, operator, isWrapped }) => info === INFO && operator === '*' && !isWrapped),
      wrong: 'pod_network_name_info is 0: whatever is multiplied by it is 0. The join adds (+).',
      needs: 'write + in the place of *',
      isBroken: true,
    },
    {
      applies: ({ names }) => names.some((name) => /^network:|_intf$/.test(name)),
      wrong:
        'The recorded series lack every pod without the annotation. No rule records them any more: they are scraped.',
    },
  ],
};
