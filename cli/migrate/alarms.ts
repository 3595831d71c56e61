import { IPAM_FIGURES } from '../../metrics/ipam/figures.js';
import type { Path } from './documents.js';
import { fieldsOf, itemsOf, stringOf, type Found } from './found.js';

/** Where cni-metrics-helper put its metrics. */
const NAMESPACE = 'Kubernetes';

/** Alarms as `aws cloudwatch describe-alarms` prints them, and those of a template of CloudFormation. */
export function alarmsIn(value: unknown, path: Path): Found[] {
  const fields = fieldsOf(value);
  const printed = itemsOf(fields?.['MetricAlarms']).flatMap((alarm, i) =>
    alarmOf(alarm, [...path, 'MetricAlarms', i], stringOf(fieldsOf(alarm)?.['AlarmName'])),
  );
  const resources = Object.entries(fieldsOf(fields?.['Resources']) ?? {}).flatMap(([name, resource]) => {
    const { Type, Properties } = fieldsOf(resource) ?? {};
    if (Type !== 'AWS::CloudWatch::Alarm') return [];
    return alarmOf(Properties, [...path, 'Resources', name, 'Properties'], name);
  });
  return [...printed, ...resources];
}

function alarmOf(value: unknown, path: Path, name = ''): Found[] {
  const fields = fieldsOf(value);
  const reckoned = itemsOf(fields?.['Metrics']).flatMap((one, i): Found[] => {
    const stat = fieldsOf(fieldsOf(one)?.['MetricStat']);
    const metric = { ...fieldsOf(stat?.['Metric']), Statistic: stat?.['Stat'], Unit: stat?.['Unit'] };
    return metricOf(metric, [...path, 'Metrics', i, 'MetricStat', 'Metric'], name);
  });
  return [...metricOf(fields, path, name), ...reckoned];
}

function metricOf(fields: Readonly<Record<string, unknown>> | undefined, path: Path, name: string): Found[] {
  const text = stringOf(fields?.['MetricName']);
  if (text === undefined || fields?.['Namespace'] !== NAMESPACE) return [];
  const alarm = { statistic: stringOf(fields['Statistic']) ?? '', unit: stringOf(fields['Unit']) ?? '' };
  return [{ kind: 'alarm', subject: `alarm ${name}`, path: [...path, 'MetricName'], text, alarm }];
}

/** What there is to say of an alarm over a metric of cni-metrics-helper. */
export interface AlarmAdvice {
  readonly wrong: readonly string[];
  readonly needs: readonly string[];
}

/** @returns undefined where the metric is none of cni-metrics-helper's */
export function alarmAdvice({ text, alarm }: Found): AlarmAdvice | undefined {
  const figure = IPAM_FIGURES.find(({ cloudWatch }) => cloudWatch?.name === text);
  if (figure === undefined) return undefined;
  if (figure.kind === 'latency') {
    const unit = alarm?.unit ?? '';
    return {
      wrong: [
        'Was 0 at all times: present versions of ipamd tell no quantile. Where none is told, there is no value now.',
      ],
      needs: unit === '' || unit === 'Milliseconds' ? [] : [`its unit is Milliseconds now: the alarm has ${unit}`],
    };
  }
  if (figure.kind === 'counter') {
    return {
      wrong: [
        'Was right for a cluster of one node: 20, 50 and 30 requests that stood still were 10 more at every poll, and the first poll had everything that was ever counted.',
      ],
      needs: ['a threshold that made up for that has to be set anew: it is the growth of all nodes now'],
    };
  }
  return {
    wrong: [
      ...(alarm?.statistic === 'Sum'
        ? ['Two samples come each minute, and Sum has both: Average or Maximum is the figure.']
        : []),
      'A node that could not be reached was missing from it, and nothing said so: nodesMissing does.',
    ],
    needs: alarm?.statistic === 'Sum' ? ['take Average or Maximum, as Sum over a minute is twice the figure'] : [],
  };
}
