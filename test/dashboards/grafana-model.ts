// Field list of our own of Grafana's dashboard model, as far as we use it: after kinds/dashboard/dashboard_kind.cue, packages/grafana-schema and the
// panelcfg of each panel in grafana/grafana. A field that is not here is one that Grafana would not know, or that nobody has looked up.
const text = { type: 'string' } as const;
const filled = { type: 'string', minLength: 1 } as const;
const flag = { type: 'boolean' } as const;
const count = { type: 'integer', minimum: 0 } as const;
const number = { type: 'number' } as const;
const anything = {} as const;
const one = (...values: readonly unknown[]) => ({ enum: values });
const list = (items: object) => ({ type: 'array', items }) as const;

/** Fields that have to be there, and such as may; no others. */
function fields(required: Readonly<Record<string, object>>, optional: Readonly<Record<string, object>> = {}) {
  return {
    type: 'object',
    properties: { ...required, ...optional },
    required: Object.keys(required),
    additionalProperties: false,
  } as const;
}

const datasource = fields({ type: one('prometheus'), uid: one('${datasource}') });
const gridPos = fields({
  ...{ h: { type: 'integer', minimum: 1 }, w: { type: 'integer', minimum: 1, maximum: 24 } },
  ...{ x: { type: 'integer', minimum: 0, maximum: 23 }, y: count },
});
const thresholds = fields({
  mode: one('absolute', 'percentage'),
  steps: { ...list(fields({ color: filled, value: { type: ['number', 'null'] } })), minItems: 1 },
});
const links = list(fields({ title: filled, url: filled }, { targetBlank: flag }));
/** Units of packages/grafana-data valueFormats/categories.ts. */
const unit = one('none', 'short', 'percentunit', 'bytes', 'Bps', 'pps', 'cps', 'reqps', 's', 'ms');

const target = fields({
  ...{ datasource, refId: { type: 'string', pattern: '^[A-Z]$' }, expr: filled, legendFormat: text },
  ...{ editorMode: one('code', 'builder'), format: one('time_series', 'table', 'heatmap'), instant: flag, range: flag },
});
const fieldConfig = (custom: object) =>
  fields({
    defaults: fields(
      { unit, color: fields({ mode: one('palette-classic', 'thresholds') }), thresholds },
      { min: number, max: number, decimals: count, noValue: text, links, custom },
    ),
    overrides: list(
      fields({
        matcher: fields({ id: one('byName', 'byType'), options: filled }),
        properties: list(
          fields({ id: one('displayName', 'unit', 'links', 'thresholds', 'custom.cellOptions'), value: anything }),
        ),
      }),
    ),
  });
const transformation = fields({
  id: one('merge', 'filterFieldsByName', 'organize', 'groupingToMatrix'),
  options: { type: 'object' },
});

const panelOf = (type: string, options: object, custom: object = fields({})) =>
  fields(
    {
      ...{
        id: { type: 'integer', minimum: 1 },
        type: one(type),
        title: filled,
        description: filled,
        gridPos,
        datasource,
      },
      ...{ targets: { ...list(target), minItems: 1 }, fieldConfig: fieldConfig(custom), options },
    },
    { transformations: list(transformation) },
  );

const timeSeries = panelOf(
  'timeseries',
  fields({
    legend: fields({
      displayMode: one('list', 'table'),
      placement: one('bottom', 'right'),
      showLegend: flag,
      calcs: list(text),
    }),
    tooltip: fields({ mode: one('single', 'multi', 'none'), sort: one('asc', 'desc', 'none') }),
  }),
  fields({
    ...{ drawStyle: one('line', 'bars', 'points'), lineWidth: count, fillOpacity: { ...count, maximum: 100 } },
    // true would draw a line over what is absent
    ...{ showPoints: one('auto', 'always', 'never'), spanNulls: one(false) },
    ...{ stacking: fields({ mode: one('none', 'normal', 'percent'), group: text }) },
    thresholdsStyle: fields({ mode: one('off', 'line', 'dashed', 'area') }),
  }),
);
const stat = panelOf(
  'stat',
  fields({
    reduceOptions: fields({ calcs: list(text), fields: text, values: flag }),
    ...{ colorMode: one('none', 'value', 'background'), graphMode: one('none', 'line', 'area') },
    ...{ textMode: one('auto', 'value', 'value_and_name', 'name', 'none'), justifyMode: one('auto', 'center') },
    orientation: one('auto', 'horizontal', 'vertical'),
  }),
);
const cellOptions = fields({ type: filled }, { mode: one('basic', 'gradient') });
const table = panelOf(
  'table',
  fields(
    { showHeader: flag, cellHeight: one('sm', 'md', 'lg') },
    { sortBy: list(fields({ displayName: filled, desc: flag })) },
  ),
  fields({}, { align: one('auto', 'left', 'right', 'center'), cellOptions }),
);
const heatmap = panelOf(
  'heatmap',
  fields({
    ...{ calculate: flag, cellGap: count, filterValues: fields({ le: number }) },
    color: fields({
      ...{ mode: one('scheme', 'opacity'), scheme: filled, steps: count, reverse: flag, exponent: number, fill: text },
    }),
    rowsFrame: fields({ layout: one('auto', 'le', 'ge', 'unknown') }),
    yAxis: fields({ axisPlacement: one('auto', 'left', 'right', 'hidden'), unit, reverse: flag }),
    tooltip: fields({ mode: one('single', 'multi', 'none'), yHistogram: flag, showColorScale: flag }),
    ...{ legend: fields({ show: flag }), exemplars: fields({ color: text }) },
  }),
);
const row = fields({
  ...{ id: { type: 'integer', minimum: 1 }, type: one('row'), title: filled, collapsed: flag, gridPos },
  panels: { type: 'array', maxItems: 0 },
});

const variable = fields(
  {
    ...{ type: one('datasource', 'query'), name: { type: 'string', pattern: '^[a-z_]+$' }, label: filled },
    ...{ description: filled, hide: one(0, 1, 2), includeAll: flag, multi: flag, refresh: one(1, 2), regex: text },
    query: { anyOf: [one('prometheus'), fields({ query: filled, refId: filled, qryType: one(1) })] },
    current: fields({}, { selected: flag, text: list(text), value: list(text) }),
    options: { type: 'array', maxItems: 0 },
  },
  { definition: filled, datasource, allValue: filled, sort: count },
);

export const DASHBOARD_SCHEMA = fields({
  uid: { type: 'string', pattern: '^[a-zA-Z0-9_-]{1,40}$' },
  ...{ title: filled, description: filled, tags: list(filled), schemaVersion: one(42), version: count },
  ...{ editable: flag, graphTooltip: one(0, 1, 2), timezone: one('browser', 'utc'), refresh: filled },
  ...{ time: fields({ from: filled, to: filled }), timepicker: fields({}), fiscalYearStartMonth: count },
  annotations: fields({ list: { type: 'array', maxItems: 0 } }),
  links: list(
    fields({
      ...{ type: one('dashboards', 'link'), title: filled, tags: list(filled), asDropdown: flag, includeVars: flag },
      ...{ keepTime: flag, targetBlank: flag, icon: text, tooltip: text, url: text },
    }),
  ),
  templating: fields({ list: list(variable) }),
  panels: list({
    type: 'object',
    discriminator: { propertyName: 'type' },
    required: ['type'],
    oneOf: [timeSeries, stat, table, heatmap, row],
  }),
});
