import { IPAM_FIGURES } from '../ipam/figures.js';
import { renderSamples } from '../ipam/lines.js';
import { helpOf } from '../ipam/served-families.js';
import { renderLabels } from '../render.js';
import type { CompatReadSet, CompatTotal } from './predecessor.js';

/** The gauges that the predecessor set, with its HELP. What else it served was 0 at all times, and is not served. */
const GAUGES: Readonly<Record<string, string>> = {
  awscni_eni_max: 'The maximum number of ENIs that can be attached to the instance, accounting for unmanaged ENIs',
  awscni_ip_max: 'The maximum number of IP addresses that can be allocated to the instance',
  awscni_eni_allocated: 'The number of ENIs allocated',
  awscni_total_ip_addresses: 'The total number of IP addresses',
  awscni_assigned_ip_addresses: 'The number of IP addresses assigned to pods',
  awscni_total_ipv4_prefixes: 'The total number of IPv4 prefixes',
};

const TOTALS = Object.entries(GAUGES).map(([name, help]): CompatTotal => {
  const figure = IPAM_FIGURES.find(({ reads }) => reads === name);
  if (figure === undefined) throw new TypeError(`no figure reads ${name}`);
  return { family: { name, type: 'gauge', help, labels: [], stability: 'alpha' }, figure };
});

/**
 * aws/amazon-vpc-cni-k8s, cni-metrics-helper: the totals of the cluster, under the names that ipamd has for those of a node; of an agent
 * what ipamd tells of the node, as ipamd itself serves it.
 */
export const CNI_METRICS_HELPER: readonly CompatReadSet[] = [
  {
    families: [],
    totals: TOTALS,
    readOf: ({ ipam = [] }) =>
      ipam
        .filter(({ name }) => name === 'awscni')
        .flatMap(({ name: source, families }) =>
          families.map((told) => {
            const { name, type, samples } = told;
            const lines = renderSamples(name, type, {
              samples,
              labelsOf: ({ labels }) => renderLabels(Object.entries(labels)),
            });
            return { family: { name, type, help: helpOf(source, told), labels: [], stability: 'alpha' }, lines };
          }),
        ),
  },
];
