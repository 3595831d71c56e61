import type { Variable } from './model.js';
import { DATASOURCE } from './panels.js';

/** Everything, also what lacks the label. */
const ANYTHING = '.*';
const NOTHING_CHOSEN = { selected: true, text: ['All'], value: ['$__all'] };

export const DATASOURCE_VARIABLE: Variable = {
  type: 'datasource',
  name: 'datasource',
  label: 'Data source',
  description: 'The Prometheus that scrapes podnet.',
  query: 'prometheus',
  hide: 0,
  includeAll: false,
  multi: false,
  refresh: 1,
  regex: '',
  current: {},
  options: [],
};

/** One that has values of a label to choose from. @param from series that have it, with what the variables before it leave */
export function labelVariable(name: string, { label, description, from }: VariableSpec): Variable {
  const query = `label_values(${from}, ${name})`;
  return {
    type: 'query',
    ...{ name, label, description, definition: query },
    query: { query, refId: 'StandardVariableQuery', qryType: 1 },
    datasource: DATASOURCE,
    hide: 0,
    includeAll: true,
    allValue: ANYTHING,
    multi: true,
    // with the time range: pods come and go
    refresh: 2,
    sort: 1,
    regex: '',
    current: NOTHING_CHOSEN,
    options: [],
  };
}

interface VariableSpec {
  readonly label: string;
  readonly description: string;
  readonly from: string;
}

/** Where one Prometheus has several clusters; empty, and in nobody's way, where no series has the label. */
export const clusterVariable = (from: string): Variable =>
  labelVariable('cluster', {
    label: 'Cluster',
    description: 'Where series have the label `cluster`; without it there is nothing to choose.',
    from,
  });
