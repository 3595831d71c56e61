import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { checkDashboard } from '../../scripts/dashboards/check.js';
import { buildDashboard, type DashboardSpec } from '../../scripts/dashboards/dashboard.js';
import type { GridPos } from '../../scripts/dashboards/model.js';
import { type Panel, stat, table, timeSeries } from '../../scripts/dashboards/panels.js';
import { dashboards } from '../../scripts/dashboards/rendered.js';
import { clusterVariable } from '../../scripts/dashboards/variables.js';
import { knownSeries } from '../../scripts/promql/known-families.js';
import { DASHBOARD_SCHEMA } from './grafana-model.js';

const known = await knownSeries();
const all = await dashboards();
const isAsGrafanaKnows = new Ajv({ allErrors: true, discriminator: true }).compile(DASHBOARD_SCHEMA);

test('there is a file for each dashboard, and no other', async () => {
  const files = (await readdir('manifests/dashboards')).filter((file) => file.endsWith('.json'));
  assert.deepEqual(files.sort(), [...all.keys()].map((name) => `${name}.json`).sort());
});

for (const [name, dashboard] of all) {
  test(`${name} has fields and values alone that Grafana knows`, () => {
    const read: unknown = JSON.parse(JSON.stringify(dashboard));
    assert.ok(isAsGrafanaKnows(read), JSON.stringify(isAsGrafanaKnows.errors?.slice(0, 5), null, 1));
  });

  test(`no panel of ${name} lies over another, and each has an id of its own`, () => {
    const { panels } = dashboard;
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    for (const [i, { title, gridPos }] of panels.entries()) {
      assert.ok(gridPos.x + gridPos.w <= 24, title);
      for (const other of panels.slice(i + 1)) assert.ok(!overlap(gridPos, other.gridPos), `${title}, ${other.title}`);
    }
  });

  test(`every query of ${name} asks the data source and the cluster that were chosen`, () => {
    for (const panel of dashboard.panels) {
      if (panel.type === 'row') continue;
      for (const { expr } of panel.targets) {
        const selectors = expr.match(/podnet_\w+(?:\{[^}]*\})?/g) ?? [];
        for (const selector of selectors) assert.match(selector, /\{cluster=~"\$cluster"/, panel.title);
      }
    }
  });
}

test('the uids stay what they are: links and bookmarks name them', () => {
  assert.deepEqual(
    [...all.values()].map(({ uid }) => uid),
    ['podnet-pod-networks', 'podnet-sriov', 'podnet-latency-mesh', 'podnet-ip-addresses', 'podnet'],
  );
});

test('a link leads to a dashboard that there is, with variables that it has', () => {
  const byUid = new Map([...all.values()].map((dashboard) => [dashboard.uid, dashboard]));
  const urls = [...JSON.stringify([...all.values()]).matchAll(/"url":"(\/d\/[^"]+)"/g)].map(([, url = '']) => url);
  assert.ok(urls.length > 0);
  for (const url of urls) {
    const [, uid = '', query = ''] = /^\/d\/([^?]+)\?(.*)$/.exec(url) ?? [];
    const names = byUid.get(uid)?.templating.list.map(({ name }) => `var-${name}`);
    assert.ok(names, url);
    for (const [, name = ''] of query.matchAll(/(?:^|&)(var-\w+)=/g))
      assert.ok(names.includes(name), `${url}: ${name}`);
  }
});

function overlap(one: GridPos, other: GridPos): boolean {
  const apart = (a: 'x' | 'y', size: 'w' | 'h'): boolean =>
    one[a] + one[size] <= other[a] || other[a] + other[size] <= one[a];
  return !apart('x', 'w') && !apart('y', 'h');
}

const withPanel = (panel: Panel) => {
  const spec: DashboardSpec = {
    ...{ name: 'test', title: 'Test', description: 'Test.', variables: [clusterVariable('podnet_pod_info')] },
    sections: [{ title: 'Test', panels: [panel] }],
  };
  return () => checkDashboard(buildDashboard(spec), known);
};
const described = { title: 'Test', description: 'Test.', unit: 'short' } as const;

test('a panel that asks for what there is not is refused when it is generated', () => {
  const legend = { expr: 'sum by (node) (podnet_sockets)', legend: '{{pod}}' };
  const column = { ...described, queries: [{ expr: 'podnet_pod_info' }], columns: { image: { name: 'Image' } } };
  for (const [panel, problem] of [
    [stat({ ...described, queries: [{ expr: 'podnet_socket' }] }), /no family podnet_socket/],
    [stat({ ...described, queries: [{ expr: 'podnet_sockets{uid="x"}' }] }), /podnet_sockets has no label uid/],
    [stat({ ...described, queries: [{ expr: 'podnet_sockets{pod=~"$pods"}' }] }), /no variable pods/],
    [timeSeries({ ...described, queries: [legend] }), /no label pod for the legend/],
    [table(column), /no column image/],
    [stat({ ...described, description: '', queries: [{ expr: 'podnet_sockets' }] }), /has no description/],
  ] as const) {
    assert.throws(withPanel(panel), problem);
  }
  assert.doesNotThrow(withPanel(stat({ ...described, queries: [{ expr: 'podnet_sockets{cluster=~"$cluster"}' }] })));
});
