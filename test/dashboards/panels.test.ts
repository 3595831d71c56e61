// Every query of every panel, as Grafana would send it, to a Prometheus that scrapes podnet.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { withTimes } from '../../scripts/dashboards/check.js';
import type { Dashboard } from '../../scripts/dashboards/model.js';
import { dashboards } from '../../scripts/dashboards/rendered.js';
import { eventually } from '../support/programs.js';
import type { Series } from '../support/prometheus.js';
import { missing } from '../support/requirements.js';
import { DashboardBed } from './dashboard-bed.js';

/** Until the replica exposes (it waits for an interval of every agent, 15 s at least), and then some scrapes. */
const PATIENCE_MS = 50_000;
/** Scraped once a second. */
const TIMES = { $__rate_interval: '8s', $__interval: '1s', $__range: '1m' };

/** With everything chosen that there is to choose. */
function asked(expression: string, dashboard: Dashboard): string {
  const variables = dashboard.templating.list.map(({ name }) => [`$${name}`, '.*'] as const);
  // the longest first: $pod is not the beginning of $pods
  variables.sort(([one], [other]) => other.length - one.length);
  return withTimes(expression, { ...TIMES, ...Object.fromEntries(variables) });
}

const hasNumber = (series: readonly Series[]): boolean => series.some(({ value }) => Number.isFinite(value));

describe('panels', { skip: missing('prometheus') }, () => {
  let bed: DashboardBed;

  before(async () => {
    bed = await DashboardBed.start();
  });
  after(() => bed.close());

  test('no query of a panel is empty or wrong', { timeout: 2 * PATIENCE_MS }, async () => {
    const queries = [...(await dashboards()).values()].flatMap((dashboard) =>
      dashboard.panels.flatMap((panel) =>
        panel.type === 'row'
          ? []
          : panel.targets.map(({ expr, refId }) => ({
              name: `${dashboard.title}: ${panel.title} (${refId})`,
              expr: asked(expr, dashboard),
            })),
      ),
    );
    assert.ok(queries.length > 150, String(queries.length));
    let empty = queries;
    await eventually(
      async () => {
        const still = [];
        for (const query of empty) if (!hasNumber(await bed.prometheus.query(query.expr))) still.push(query);
        return (empty = still);
      },
      (still) => still.length === 0,
      PATIENCE_MS,
    );
  });

  test('every variable but that of several clusters has something to choose', async () => {
    for (const dashboard of (await dashboards()).values()) {
      for (const { name, definition } of dashboard.templating.list) {
        if (definition === undefined) continue;
        const from = asked(definition.replace(/^label_values\((.*), \w+\)$/, '$1'), dashboard);
        const values = await bed.prometheus.query(`count by (${name}) (${from})`);
        const found = values.filter(({ metric }) => metric[name] !== undefined && metric[name] !== '');
        assert.equal(found.length > 0, name !== 'cluster', `${dashboard.title}: ${name}`);
      }
    }
  });

  test('what panels show is what the simulated cluster does', async () => {
    const [pods] = (await dashboards()).values();
    assert.ok(pods);
    const overview = pods.panels.find(({ title }) => title === 'Receive');
    assert.ok(overview !== undefined && overview.type !== 'row');
    const expression = asked(overview.targets[0]?.expr ?? '', pods);
    // Once the whole range was scraped. Half of the pods have no series of their own.
    await eventually(
      async () => ((await bed.prometheus.query(expression))[0]?.value ?? NaN) / bed.offeredBytesPerSecond(),
      (ratio) => Math.abs(ratio - 1) < 0.05,
      20_000,
    );
    const single = await bed.prometheus.query('count(podnet_pod_info{host_network="false"})');
    assert.ok((single[0]?.value ?? NaN) < bed.podCount, 'no pod is beyond --max-series');
  });
});
