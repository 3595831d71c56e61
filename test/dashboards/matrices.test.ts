// The matrices of who dials whom, evaluated by promtool over clusters whose nodes have the same names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withTimes } from '../../scripts/dashboards/check.js';
import { dashboards } from '../../scripts/dashboards/rendered.js';
import { missing } from '../support/requirements.js';
import { growing } from './alert-series.js';
import { testRules, type Series } from './promtool.js';

const MINUTE = 10;
/** What fails of ten dials a second; '': of whoever has no label `cluster`. */
const FAILING = { north: 1, south: 4, '': 0 };
type Cluster = keyof typeof FAILING;
const CLUSTERS = Object.keys(FAILING) as Cluster[];
const PAIR = 'node="n1",peer_node="n2",network="pod",family="ipv4"';

function seriesOf(cluster: Cluster): Series[] {
  const labels = cluster === '' ? PAIR : `cluster="${cluster}",${PAIR}`;
  const latency = 'podnet_dial_latency_seconds';
  const succeeding = 10 - FAILING[cluster];
  return [
    growing(`podnet_dial_errors_total{${labels},reason="timeout"}`, FAILING[cluster]),
    ...['0.001', '+Inf'].map((le) => growing(`${latency}_bucket{${labels},le="${le}"}`, succeeding)),
    growing(`${latency}_count{${labels}}`, succeeding),
  ];
}

test('nodes of one name in several clusters have cells of their own', { skip: missing('promtool') }, async () => {
  const mesh = (await dashboards()).get('latency-mesh');
  const cellOf = (cluster: Cluster): string => {
    const before = cluster === '' ? '' : `${cluster}/`;
    return `{from="${before}n1",to="${before}n2"}`;
  };
  const matrices = (mesh?.panels ?? []).flatMap((panel) =>
    panel.type !== 'row' && panel.transformations?.some(({ id }) => id === 'groupingToMatrix') === true
      ? [
          {
            title: panel.title,
            expr: withTimes(panel.targets[0]?.expr ?? '').replace(/\$(cluster|node|peer_node|network|family)\b/g, '.*'),
          },
        ]
      : [],
  );
  assert.equal(matrices.length, 3);
  const { status, text } = await testRules(
    matrices.map(({ title, expr }) => ({
      name: title,
      series: CLUSTERS.flatMap(seriesOf),
      expected: [
        {
          expr: `round(1e5 * sum by (from, to) (${expr}))`,
          minute: MINUTE,
          samples: Object.fromEntries(
            CLUSTERS.map((cluster) => {
              const quantile = title.startsWith('99th') ? 99 : 50;
              return [cellOf(cluster), title.startsWith('Failing') ? FAILING[cluster] * 1e4 : quantile];
            }),
          ),
        },
        { expr: `count by (from, to) (${expr}) > 1`, minute: MINUTE, samples: {} },
      ],
    })),
  );
  assert.equal(status, 0, text);
});
