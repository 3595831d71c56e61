// What scales on queries: rules of prometheus-adapter and triggers of KEDA, wherever in the values of a chart or in a configuration they are.
import { fieldsOf, itemsOf, stringOf, type AdapterRule, type Found, type PlacedFields } from './found.js';

/** Both queries of a rule of prometheus-adapter. */
export function adapterQueriesIn({ fields, path }: PlacedFields): Found[] {
  const [seriesQuery, metricsQuery] = [fields['seriesQuery'], fields['metricsQuery']].map(stringOf);
  if (seriesQuery === undefined) return [];
  const { as, matches } = fieldsOf(fields['name']) ?? {};
  const name = [as, matches].map(stringOf).find((text) => text !== undefined && text !== '') ?? '(without a name)';
  const rule: AdapterRule = { seriesQuery, metricsQuery, filters: filtersOf(fields['seriesFilters']) };
  const common = { kind: 'adapter', subject: `adapter rule ${name}`, rule } as const;
  return [
    { ...common, text: seriesQuery, path: [...path, 'seriesQuery'] },
    ...(metricsQuery === undefined ? [] : [{ ...common, text: metricsQuery, path: [...path, 'metricsQuery'] }]),
  ];
}

function filtersOf(value: unknown): AdapterRule['filters'] {
  return itemsOf(value).flatMap((filter) => {
    const { is, isNot } = fieldsOf(filter) ?? {};
    return [
      { pattern: stringOf(is) ?? '', isNot: false },
      { pattern: stringOf(isNot) ?? '', isNot: true },
    ].filter(({ pattern }) => pattern !== '');
  });
}

/** The query of a trigger of KEDA. */
export function triggerQueriesIn({ fields, path }: PlacedFields): Found[] {
  if (fields['type'] !== 'prometheus') return [];
  const metadata = fieldsOf(fields['metadata']);
  const [text, name] = [metadata?.['query'], fields['name'] ?? metadata?.['metricName']].map(stringOf);
  if (text === undefined) return [];
  const subject = `trigger ${name ?? '(without a name)'} of KEDA`;
  return [{ kind: 'scaler', subject, text, path: [...path, 'metadata', 'query'] }];
}
