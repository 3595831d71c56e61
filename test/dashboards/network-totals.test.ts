// What --max-series has no room for, in the panels of each network: evaluated by promtool over totals as the server shows them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withTimes } from '../../scripts/dashboards/check.js';
import { dashboards } from '../../scripts/dashboards/rendered.js';
import { missing } from '../support/requirements.js';
import { growing } from './alert-series.js';
import { testRules, type Series } from './promtool.js';

const MINUTE = 10;

const totalOf = (network: string, stackedOn: string, rate: number): Series => {
  const workload = 'namespace="default",workload_kind="",workload=""';
  const labels = `${workload},network="${network}",nad_namespace="",stacked_on="${stackedOn}"`;
  return growing(`podnet_workload_network_receive_bytes_total{${labels}}`, rate);
};

test(
  'what is stacked on networks that are not told is in no sum beside them',
  { skip: missing('promtool') },
  async () => {
    const panels = (await dashboards()).get('pod-networks')?.panels ?? [];
    const expressionOf = (wanted: string): string => {
      const panel = panels.find(({ title }) => title === wanted);
      assert.ok(panel !== undefined && panel.type !== 'row', wanted);
      return `round(${withTimes(panel.targets[0]?.expr ?? '').replace(/\$(cluster|namespace|network|workload)\b/g, '.*')})`;
    };
    const { status, text } = await testRules([
      {
        name: 'totals',
        series: [totalOf('n3', '', 5), totalOf('n9', 'n3,', 4), totalOf('', '', 86), totalOf('', '*,', 80)],
        expected: [
          {
            ...{ expr: expressionOf('Receive by network'), minute: MINUTE },
            samples: { '{network="n3"}': 5, '{network="n9"}': 4, '{}': 86 },
          },
          { expr: expressionOf('Receive by namespace'), minute: MINUTE, samples: { '{namespace="default"}': 91 } },
        ],
      },
    ]);
    assert.equal(status, 0, text);
  },
);
