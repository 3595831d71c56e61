// The part of Grafana's dashboard model (schema version 42, of its dashboard API v1) that the dashboards use.

export interface DatasourceRef {
  readonly type: 'prometheus';
  readonly uid: string;
}

export interface Target {
  readonly datasource: DatasourceRef;
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly editorMode: 'code';
  readonly format: 'time_series' | 'table' | 'heatmap';
  readonly instant: boolean;
  readonly range: boolean;
}

export interface Threshold {
  readonly color: string;
  /** null: from below everything. */
  readonly value: number | null;
}

export interface Link {
  readonly title: string;
  readonly url: string;
}

export interface FieldConfig {
  readonly defaults: {
    readonly unit: string;
    readonly min?: number;
    readonly max?: number;
    readonly decimals?: number;
    readonly noValue?: string;
    readonly color: { readonly mode: string };
    readonly thresholds: { readonly mode: 'absolute'; readonly steps: readonly Threshold[] };
    readonly custom?: Readonly<Record<string, unknown>>;
    readonly links?: readonly Link[];
  };
  readonly overrides: readonly Override[];
}

export interface Override {
  readonly matcher: { readonly id: 'byName' | 'byType'; readonly options: string };
  readonly properties: readonly { readonly id: string; readonly value: unknown }[];
}

export interface Transformation {
  readonly id: string;
  readonly options: Readonly<Record<string, unknown>>;
}

export interface GridPos {
  readonly h: number;
  readonly w: number;
  readonly x: number;
  readonly y: number;
}

export interface QueryPanel {
  readonly id: number;
  readonly type: 'timeseries' | 'stat' | 'table' | 'heatmap';
  readonly title: string;
  readonly description: string;
  readonly gridPos: GridPos;
  readonly datasource: DatasourceRef;
  readonly targets: readonly Target[];
  readonly fieldConfig: FieldConfig;
  readonly options: Readonly<Record<string, unknown>>;
  readonly transformations?: readonly Transformation[];
}

export interface RowPanel {
  readonly id: number;
  readonly type: 'row';
  readonly title: string;
  readonly collapsed: false;
  readonly gridPos: GridPos;
  readonly panels: readonly [];
}

export interface Variable {
  readonly type: 'datasource' | 'query';
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly query: string | { readonly query: string; readonly refId: string; readonly qryType: 1 };
  readonly definition?: string;
  readonly datasource?: DatasourceRef;
  readonly hide: 0;
  readonly includeAll: boolean;
  readonly allValue?: string;
  readonly multi: boolean;
  readonly refresh: 1 | 2;
  readonly sort?: 1;
  readonly regex: string;
  readonly current: Readonly<Record<string, unknown>>;
  readonly options: readonly [];
}

export interface DashboardLink {
  readonly type: 'dashboards';
  readonly title: string;
  readonly tags: readonly string[];
  readonly asDropdown: boolean;
  readonly includeVars: boolean;
  readonly keepTime: boolean;
  readonly targetBlank: boolean;
  readonly icon: string;
  readonly tooltip: string;
  readonly url: string;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly schemaVersion: 42;
  readonly version: number;
  readonly editable: boolean;
  readonly graphTooltip: 1;
  readonly timezone: 'browser';
  readonly refresh: string;
  readonly time: { readonly from: string; readonly to: string };
  readonly timepicker: Readonly<Record<string, never>>;
  readonly fiscalYearStartMonth: 0;
  readonly annotations: { readonly list: readonly [] };
  readonly links: readonly DashboardLink[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly panels: readonly (QueryPanel | RowPanel)[];
}
