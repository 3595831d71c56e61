import { templateQueriesIn } from './alert-templates.js';
import { isPrometheus } from './dashboards.js';
import type { Path } from './documents.js';
import { fieldsOf, itemsOf, stringOf, type Found, type PlacedFields } from './found.js';

/** The rules of a rule file of Prometheus, or of the `spec` of a PrometheusRule. */
export function rulesIn(value: unknown, path: Path): Found[] {
  return itemsOf(fieldsOf(value)?.['groups']).flatMap((group, i) => {
    const { name, rules } = fieldsOf(group) ?? {};
    const ofGroup = stringOf(name) === undefined ? '' : ` (group ${stringOf(name) ?? ''})`;
    return itemsOf(rules).flatMap((rule, j): Found[] => {
      const { alert, record, expr, labels, title, data } = fieldsOf(rule) ?? {};
      if (Array.isArray(data))
        return managedQueries(data, `alert ${stringOf(title) ?? ''}${ofGroup}`, [
          ...path,
          'groups',
          i,
          'rules',
          j,
          'data',
        ]);
      const [text, alertName, recordName] = [stringOf(expr), stringOf(alert), stringOf(record)];
      if (text === undefined) return [];
      const at = { path: [...path, 'groups', i, 'rules', j, 'expr'], text };
      if (recordName !== undefined) {
        const isLabelled = Object.keys(fieldsOf(labels) ?? {}).length > 0;
        return [{ ...at, kind: 'record', record: recordName, isLabelled, subject: `record ${recordName}${ofGroup}` }];
      }
      const subject = `alert ${alertName ?? '(without a name)'}${ofGroup}`;
      return [
        { ...at, kind: 'alert', subject },
        ...templateQueriesIn(rule, { subject, path: [...path, 'groups', i, 'rules', j] }),
      ];
    });
  });
}

/** Of a rule that Grafana manages, whatever it reckons with them. */
function managedQueries(data: readonly unknown[], subject: string, path: Path): Found[] {
  return data.flatMap((query, i): Found[] => {
    const model = fieldsOf(fieldsOf(query)?.['model']);
    const text = stringOf(model?.['expr']);
    if (text === undefined || text.trim() === '' || !isPrometheus(model)) return [];
    return [{ kind: 'alert', subject, text, path: [...path, i, 'model', 'expr'] }];
  });
}

/** Charts that have the chart of Prometheus in them have its values one level deeper. */
const MAX_CHARTS = 2;

/** Rules in the values of a chart: kube-prometheus-stack makes PrometheusRules of them. */
export function chartRulesIn(value: unknown, path: Path, charts = 0): Found[] {
  if (charts > MAX_CHARTS) return [];
  return Object.entries(fieldsOf(value) ?? {}).flatMap(([key, inner]) => {
    const at = [...path, key];
    if (key === 'additionalPrometheusRulesMap') {
      return Object.entries(fieldsOf(inner) ?? {}).flatMap(([name, file]) => rulesIn(file, [...at, name]));
    }
    if (key === 'additionalPrometheusRules') return itemsOf(inner).flatMap((file, i) => rulesIn(file, [...at, i]));
    return chartRulesIn(inner, at, charts + 1);
  });
}

/** A relabelling rule over the families of cAdvisor, wherever in the values of a chart or in a configuration it is. */
export function relabellingsIn({ fields, path }: PlacedFields): Found[] {
  const regex = stringOf(fields['regex']);
  const isRelabelling = ['action', 'replacement', 'sourceLabels', 'source_labels'].some((key) => key in fields);
  if (!isRelabelling || regex?.includes('container_network') !== true) return [];
  return [{ kind: 'relabelling', subject: 'relabelling rule', path: [...path, 'regex'], text: regex }];
}
