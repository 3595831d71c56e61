// Every query of every panel, as Grafana would send it, to a Prometheus that scrapes podnet.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { withTimes } from '../../scripts/dashboards/check.js';
import type { Dashboard } from '../../scripts/dashboards/model.js';
import { dashboards } from '../../scripts/dashboards/rendered.js';
import { eventually } from '../support/programs.js';
import type { Series } from '../support/prometheus.js';
import { missing } from '../support/requirements.js';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { parseQuantity } from '../simulate/check-answer.js';
import { DashboardBed } from './dashboard-bed.js';
import { BRIDGE_NETWORK, NAMESPACES } from './sim-cluster.js';

/** Until the replica exposes (it waits for an interval of every agent, 15 s at least), and then some scrapes. */
const PATIENCE_MS = 50_000;
/** Scraped once a second. */
const TIMES = { $__rate_interval: '8s', $__interval: '1s', $__range: '1m' };
/** In such an interval, one less for a scrape that is late. */
const SCRAPES = 7;

/** A rate needs two scrapes that came through, however busy the machine is, and waits no longer for being asked of so long. */
const EVER = { ...TIMES, $__rate_interval: '1m' };

/** With everything chosen that there is to choose, but for what is said. */
function asked(
  expression: string,
  dashboard: Dashboard,
  {
    chosen = {},
    times = TIMES,
  }: { readonly chosen?: Readonly<Record<string, string>>; readonly times?: typeof TIMES } = {},
): string {
  const variables = dashboard.templating.list.map(({ name }) => [`$${name}`, chosen[name] ?? '.*'] as const);
  // the longest first: $pod is not the beginning of $pods
  variables.sort(([one], [other]) => other.length - one.length);
  return withTimes(expression, { ...times, ...Object.fromEntries(variables) });
}

function expressionsOf(dashboard: Dashboard | undefined, wanted: string): string[] {
  const panel = dashboard?.panels.find(({ title }) => title === wanted);
  assert.ok(panel !== undefined && panel.type !== 'row', wanted);
  return panel.targets.map(({ expr }) => expr);
}

const sumOf = (values: Iterable<number>): number => [...values].reduce((sum, value) => sum + value, 0);

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
              expr: asked(expr, dashboard, { times: EVER }),
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
    const [receive = ''] = expressionsOf(pods, 'Receive');
    // Until the whole range was scraped a sum grows, past whatever it is to be.
    await eventually(
      async () => (await bed.prometheus.query(`min(count_over_time(podnet_pod_info[${TIMES.$__rate_interval}]))`))[0],
      (fewest) => (fewest?.value ?? 0) >= SCRAPES,
      PATIENCE_MS,
    );
    // Half of the pods have no series of their own.
    await eventually(
      async () => ((await bed.prometheus.query(asked(receive, pods)))[0]?.value ?? NaN) / bed.offeredBytesPerSecond(),
      (ratio) => Math.abs(ratio - 1) < 0.05,
      20_000,
    );
    const single = await bed.prometheus.query('count(podnet_pod_info{host_network="false"})');
    assert.ok((single[0]?.value ?? NaN) < bed.podCount, 'no pod is beyond --max-series');
  });

  /** What the HPA reads of each pod, bytes a second: of all, since none of them may be missing. */
  async function readByHpa(namespace: string, selector: string): Promise<Map<string, number>> {
    const path = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/${namespace}/pods/*/network_transmit_bytes_per_second`;
    const query = selector === '' ? '' : `?metricLabelSelector=${encodeURIComponent(selector)}`;
    const { body } = await bed.ask<MetricValueListV1Beta2>(`${path}${query}`);
    return new Map(body.items.map(({ describedObject, value }) => [describedObject.name, parseQuantity(value) ?? NaN]));
  }

  /** Rates of a range of a few seconds are not exact; who counts something twice has twice as much at least. */
  async function shows(expression: string, expected: ReadonlyMap<string, number>, label?: string): Promise<void> {
    await eventually(
      async () => {
        const shown = await bed.prometheus.query(expression);
        const ratios = shown.map(({ metric, value }) => value / (expected.get(metric[label ?? ''] ?? '') ?? NaN));
        return { expression, expected: [...expected], shown, ratios };
      },
      ({ ratios }) => ratios.length === expected.size && ratios.every((ratio) => Math.abs(ratio - 1) < 0.3),
      20_000,
    );
  }

  for (const networks of [undefined, [BRIDGE_NETWORK], ['cbr0', BRIDGE_NETWORK], ['n3', BRIDGE_NETWORK]]) {
    test(`panels add up what the HPA does on ${networks?.join(' and ') ?? 'all networks'}`, async () => {
      const [pods] = (await dashboards()).values();
      assert.ok(pods);
      const selector = networks === undefined ? '' : `network in (${networks.join(',')})`;
      const chosen = networks === undefined ? {} : { network: `(${networks.join('|')})` };
      const read = await Promise.all(NAMESPACES.map((namespace) => readByHpa(namespace, selector)));
      const byPod = new Map(read.flatMap((values) => [...values]));
      assert.equal(byPod.size, bed.podCount);
      const expression = (title: string, query = 0): string =>
        asked(expressionsOf(pods, title)[query] ?? '', pods, { chosen });
      const all = new Map([['', sumOf(byPod.values())]]);
      await shows(expression('Transmit'), all);
      await shows(`sum(${expression('Workloads', 1)})`, all);
      await shows(
        expression('Transmit by namespace'),
        new Map(NAMESPACES.map((namespace, i) => [namespace, sumOf(read[i]?.values() ?? [])])),
        'namespace',
      );
      const single = await bed.prometheus.query('podnet_pod_info');
      const shown = new Set(single.map(({ metric }) => metric['pod']));
      await shows(expression('Transmit by pod'), new Map([...byPod].filter(([pod]) => shown.has(pod))), 'pod');
    });
  }

  test('what panels show of a network is what the HPA reads of that network', async () => {
    const [pods] = (await dashboards()).values();
    assert.ok(pods);
    const byNetwork = new Map<string, number>();
    for (const network of ['cbr0', 'n3', BRIDGE_NETWORK]) {
      const read = await Promise.all(NAMESPACES.map((namespace) => readByHpa(namespace, `network=${network}`)));
      byNetwork.set(network, sumOf(read.flatMap((values) => [...values.values()])));
    }
    const [transmit = ''] = expressionsOf(pods, 'Transmit by network');
    await shows(asked(transmit, pods), byNetwork, 'network');
  });
});
