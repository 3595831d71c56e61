import { CNI_METRICS_HELPER as SERVED } from '../../../metrics/compat/cni-metrics-helper.js';
import { IPAM_FIGURES } from '../../../metrics/ipam/figures.js';
import { KNOWN_IPAM_FAMILIES } from '../../../metrics/ipam/known-families.js';
import { AGENT_TARGET_LABELS, type OldFamily, type Predecessor } from './predecessor.js';

/** The six gauges that it set: totals of the cluster, under the names that ipamd has for those of a node. */
const TOTALS: ReadonlySet<string> = new Set(SERVED.flatMap(({ totals }) => totals.map(({ family }) => family.name)));

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

const FAMILIES = KNOWN_IPAM_FAMILIES.filter(({ source }) => source === 'awscni').flatMap(
  ({ name, type, family, divisor }): OldFamily[] => {
    const total = IPAM_FIGURES.find(({ reads }) => reads === name)?.cluster.name;
    return (SUFFIXES[type] ?? ['']).map((suffix) => ({
      name: name + suffix,
      ours: {
        name: family.name + suffix,
        ...(TOTALS.has(name) && total !== undefined && { total }),
        ...(divisor !== undefined && suffix !== '_count' && { scale: divisor }),
      },
      labels: AGENT_TARGET_LABELS,
      ...(TOTALS.has(name) && {
        note: 'a total is of the nodes that report: an alert on it asks for podnet_ipam_nodes{state="missing"} == 0',
      }),
    }));
  },
);

export const CNI_METRICS_HELPER: Predecessor = {
  name: 'cni-metrics-helper',
  families: FAMILIES,
  isOfAgents: true,
  facts: [
    {
      applies: ({ names, summed }) => names.some((name) => TOTALS.has(name) && summed.includes(name)),
      wrong:
        "Counted twice where ipamd was scraped as well: a node's series and the total of the cluster have one name.",
      needs: 'where agents and apiserver are both scraped, the rule rename-totals or drop-nodes',
    },
    {
      applies: ({ byNode }) => byNode.some((name) => TOTALS.has(name)),
      wrong: 'What cni-metrics-helper served of it was the total of the cluster; what ipamd served was of its node.',
      needs: 'scrape the agents: the apiserver has the total alone',
    },
    {
      applies: ({ names }) => names.some((name) => TOTALS.has(name)),
      wrong: 'A node that could not be reached was missing from the total, which fell as if its addresses were gone.',
    },
    {
      applies: ({ names }) => names.some((name) => !TOTALS.has(name)),
      wrong: 'What cni-metrics-helper served of it was 0 at all times; what ipamd served was of its node.',
      needs: "scrape the agents: the apiserver has the six totals alone under ipamd's names",
    },
  ],
};
