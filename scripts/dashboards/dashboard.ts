import type { Dashboard, GridPos, QueryPanel, RowPanel, Variable } from './model.js';
import type { Panel } from './panels.js';
import { DATASOURCE_VARIABLE } from './variables.js';

/** A heading, and the panels below it from left to right. */
export interface Section {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** What a file of this folder says of one dashboard. */
export interface DashboardSpec {
  /** Of the file and, with `podnet-` before it, the uid: both stay the same for ever. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  readonly sections: readonly Section[];
}

const TAG = 'podnet';
const COLUMNS = 24;

export function buildDashboard({ name, title, description, variables, sections }: DashboardSpec): Dashboard {
  return {
    uid: uidOf(name),
    ...{ title, description, tags: [TAG] },
    schemaVersion: 42,
    version: 1,
    editable: true,
    graphTooltip: 1,
    timezone: 'browser',
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    timepicker: {},
    fiscalYearStartMonth: 0,
    annotations: { list: [] },
    links: [
      {
        ...{ type: 'dashboards', title: 'podnet', tags: [TAG], tooltip: 'The other dashboards of podnet.' },
        ...{ asDropdown: false, includeVars: true, keepTime: true, targetBlank: false, icon: 'external link', url: '' },
      },
    ],
    templating: { list: [DATASOURCE_VARIABLE, ...variables] },
    panels: laidOut(sections),
  };
}

export const uidOf = (name: string): string => (name === TAG ? TAG : `${TAG}-${name}`);

/** A link to another dashboard, with the time, the data source and some variables taken along. */
export function linkTo(name: string, title: string, variables: Readonly<Record<string, string>> = {}) {
  const taken = Object.entries({ 'var-datasource': '${datasource}', ...variables });
  const query = taken.map(([key, value]) => `${key}=${value}`).join('&');
  return { title, url: `/d/${uidOf(name)}?${query}&\${__url_time_range}` };
}

function laidOut(sections: readonly Section[]): (QueryPanel | RowPanel)[] {
  const panels: (QueryPanel | RowPanel)[] = [];
  let y = 0;
  for (const { title, panels: wanted } of sections) {
    const gridPos = { h: 1, w: COLUMNS, x: 0, y: y++ };
    panels.push({ id: panels.length + 1, type: 'row', title, collapsed: false, gridPos, panels: [] });
    let x = 0;
    let tallest = 0;
    for (const { width, height, ...panel } of wanted) {
      if (x + width > COLUMNS) [x, y, tallest] = [0, y + tallest, 0];
      const place: GridPos = { h: height, w: width, x, y };
      panels.push({ id: panels.length + 1, ...panel, gridPos: place });
      x += width;
      tallest = Math.max(tallest, height);
    }
    y += tallest;
  }
  return panels;
}
