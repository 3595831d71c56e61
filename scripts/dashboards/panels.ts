import type { FieldConfig, Link, Override, QueryPanel, Target, Transformation } from './model.js';
import { steps, stepsOfValues, type Limits } from './thresholds.js';

/** The variable that says which Prometheus is asked. */
export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' } as const;

/** What a panel asks: an expression, and how a series of it is called. */
export interface Query {
  readonly expr: string;
  readonly legend?: string;
}

interface Described {
  readonly title: string;
  /** What is shown, and what to make of it: also what its absence means. */
  readonly description: string;
  /** One of Grafana's units. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** Of 24 columns. */
  readonly width?: number;
  readonly height?: number;
  readonly thresholds?: Limits;
  readonly links?: readonly Link[];
}

export interface TimeSeries extends Described {
  readonly isStacked?: boolean;
  readonly min?: number;
  readonly max?: number;
}

export interface Stat extends Described {
  /** What stands there where there is no series: absent is no zero. */
  readonly absent?: string;
}

/** A column of a table: a label, or the value of one of its queries. */
export interface Column {
  readonly name: string;
  readonly unit?: string;
  readonly thresholds?: Limits;
  readonly links?: readonly Link[];
}

export interface Table extends Omit<Described, 'unit' | 'thresholds'> {
  /** By the name that the frames give it: a label, or `Value #A`. */
  readonly columns: Readonly<Record<string, Column>>;
  readonly sortBy?: { readonly column: string; readonly descending: boolean };
}

export interface Matrix extends Omit<Described, 'queries'> {
  readonly query: string;
  readonly rows: string;
  readonly columns: string;
}

/** What one file of a dashboard says; the place and the number it gets from the layout. */
export type Panel = Omit<QueryPanel, 'id' | 'gridPos'> & { readonly width: number; readonly height: number };

const HEIGHT = 8;

export function timeSeries(spec: TimeSeries): Panel {
  const { unit, min = 0, max, thresholds, isStacked = false, links } = spec;
  return panel('timeseries', spec, {
    targets: targets(spec.queries, 'time_series', false),
    fieldConfig: {
      defaults: {
        unit,
        ...(Number.isFinite(min) && { min }),
        ...(max !== undefined && { max }),
        color: { mode: 'palette-classic' },
        thresholds: { mode: 'absolute', steps: steps(thresholds) },
        custom: {
          drawStyle: 'line',
          lineWidth: 1,
          fillOpacity: isStacked ? 25 : 5,
          showPoints: 'auto',
          // a gap is a gap
          spanNulls: false,
          stacking: { mode: isStacked ? 'normal' : 'none', group: 'A' },
          thresholdsStyle: { mode: thresholds === undefined ? 'off' : 'dashed' },
        },
        ...(links !== undefined && { links }),
      },
      overrides: [],
    },
    options: {
      legend: { displayMode: 'table', placement: 'bottom', showLegend: true, calcs: ['lastNotNull', 'max'] },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  });
}

export function stat(spec: Stat): Panel {
  const { unit, thresholds, absent = 'absent', links } = spec;
  return panel(
    'stat',
    { width: 4, height: 4, ...spec },
    {
      targets: targets(spec.queries, 'time_series', true),
      fieldConfig: {
        defaults: {
          ...{ unit, noValue: absent },
          color: { mode: 'thresholds' },
          thresholds: { mode: 'absolute', steps: stepsOfValues(thresholds, 'text') },
          ...(links !== undefined && { links }),
        },
        overrides: [],
      },
      options: {
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        ...{ colorMode: thresholds === undefined ? 'none' : 'value', graphMode: 'none', textMode: 'auto' },
        ...{ justifyMode: 'auto', orientation: 'auto' },
      },
    },
  );
}

/** One row for each set of labels, one column for each label that is named and each query. */
export function table(spec: Table): Panel {
  const names = Object.keys(spec.columns);
  const excluded = { Time: true };
  return panel(
    'table',
    { width: 24, ...spec },
    {
      targets: targets(spec.queries, 'table', true),
      fieldConfig: fieldsOf(Object.entries(spec.columns).map(([name, column]) => columnOverride(name, column))),
      options: {
        ...{ showHeader: true, cellHeight: 'sm' },
        ...(spec.sortBy !== undefined && {
          sortBy: [{ displayName: spec.sortBy.column, desc: spec.sortBy.descending }],
        }),
      },
      transformations: [
        { id: 'merge', options: {} },
        { id: 'filterFieldsByName', options: { include: { names } } },
        {
          id: 'organize',
          options: { excludeByName: excluded, indexByName: Object.fromEntries(names.map((name, i) => [name, i])) },
        },
      ],
    },
  );
}

/** A table of two labels, each cell coloured by its value: who with whom. */
export function matrix(spec: Matrix): Panel {
  const { unit, thresholds, query, rows, columns } = spec;
  return panel(
    'table',
    { width: 24, height: 12, ...spec },
    {
      targets: targets([{ expr: query }], 'table', true),
      fieldConfig: {
        defaults: {
          ...{ unit, noValue: '', color: { mode: 'thresholds' } },
          thresholds: { mode: 'absolute', steps: stepsOfValues(thresholds, 'transparent') },
          custom: { align: 'center', cellOptions: { type: 'color-background', mode: 'basic' } },
        },
        overrides: [
          {
            matcher: { id: 'byName', options: `${rows}\\${columns}` },
            properties: [{ id: 'custom.cellOptions', value: { type: 'auto' } }],
          },
        ],
      },
      options: { showHeader: true, cellHeight: 'sm' },
      transformations: [
        {
          id: 'groupingToMatrix',
          options: { rowField: rows, columnField: columns, valueField: 'Value', emptyValue: 'null' },
        },
      ],
    },
  );
}

/** Of the buckets of a histogram over time. The expression has `le` and nothing else. */
export function heatmap(spec: Omit<Described, 'queries' | 'thresholds'> & { readonly query: string }): Panel {
  return panel('heatmap', spec, {
    targets: targets([{ expr: spec.query, legend: '{{le}}' }], 'heatmap', false),
    fieldConfig: fieldsOf([]),
    options: {
      calculate: false,
      cellGap: 1,
      color: { mode: 'scheme', scheme: 'Oranges', steps: 64, reverse: false, exponent: 0.5, fill: 'dark-orange' },
      // of a cell that nothing fell into there is nothing to see
      filterValues: { le: 1e-9 },
      rowsFrame: { layout: 'auto' },
      yAxis: { axisPlacement: 'left', unit: spec.unit, reverse: false },
      tooltip: { mode: 'single', yHistogram: true, showColorScale: false },
      legend: { show: true },
      exemplars: { color: 'rgba(255,0,255,0.7)' },
    },
  });
}

function panel(
  type: Panel['type'],
  { title, description, width = 12, height = HEIGHT }: Pick<Described, 'title' | 'description' | 'width' | 'height'>,
  rest: Pick<Panel, 'targets' | 'fieldConfig' | 'options'> & {
    readonly transformations?: readonly Transformation[];
  },
): Panel {
  return { type, title, description, width, height, datasource: DATASOURCE, ...rest };
}

function targets(queries: readonly Query[], format: Target['format'], isInstant: boolean): Target[] {
  return queries.map(({ expr, legend }, i) => ({
    datasource: DATASOURCE,
    refId: String.fromCharCode('A'.charCodeAt(0) + i),
    expr: expr.trim(),
    legendFormat: legend ?? '',
    editorMode: 'code',
    format,
    instant: isInstant,
    range: !isInstant,
  }));
}

function fieldsOf(overrides: readonly Override[]): FieldConfig {
  return {
    defaults: {
      ...{ unit: 'none', color: { mode: 'thresholds' } },
      thresholds: { mode: 'absolute', steps: steps(undefined) },
    },
    overrides,
  };
}

function columnOverride(options: string, { name, unit, thresholds, links }: Column): Override {
  return {
    matcher: { id: 'byName', options },
    properties: [
      { id: 'displayName', value: name },
      ...(unit === undefined ? [] : [{ id: 'unit', value: unit }]),
      ...(links === undefined ? [] : [{ id: 'links', value: links }]),
      ...(thresholds === undefined
        ? []
        : [
            { id: 'thresholds', value: { mode: 'absolute', steps: stepsOfValues(thresholds, 'text') } },
            { id: 'custom.cellOptions', value: { type: 'color-text' } },
          ]),
    ],
  };
}
