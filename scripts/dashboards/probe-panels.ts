import { CLUSTER, most, quantile, rate } from './expressions.js';
import { type Panel, timeSeries } from './panels.js';

export const BY_PROBER = `${CLUSTER}, node=~"$node"`;
export const SHOWN = 20;
export const MOST = `The ${SHOWN} highest.`;
export const FAILED = 'What failed is in no latency.';

/** Failed over all, where there were any. A target that is probed has both families from its first reading on. */
export const failing = (kind: 'dial' | 'dns' | 'ntp', matchers: string, by: string): string => {
  const failed = `sum by (${by}) (${rate(`podnet_${kind}_errors_total`, matchers)})`;
  return `${failed} / (${failed} + sum by (${by}) (${rate(`podnet_${kind}_latency_seconds_count`, matchers)}))`;
};

export const quantiles = (
  title: string,
  histogram: string,
  { matchers, by, legend, description }: { matchers: string; by: string; legend: string; description: string },
): Panel =>
  timeSeries({
    title,
    description: `${description} Median and 99th percentile. ${MOST} ${FAILED}`,
    unit: 's',
    queries: [0.5, 0.99].map((q) => ({
      expr: most(SHOWN, quantile(q, histogram, { matchers, by })),
      legend: `${legend} p${q * 100}`,
    })),
  });

interface Failures {
  readonly title: string;
  readonly kind: 'dial' | 'dns' | 'ntp';
  readonly matchers: string;
  readonly by: string;
  readonly legend: string;
}

export const reasons = ({ title, kind, matchers, by, legend }: Failures): Panel =>
  timeSeries({
    title,
    description: `Failures per second by reason (docs/latency.md says what each is). ${MOST} A flat zero is the good case; absent: nothing is probed.`,
    unit: 'cps',
    queries: [
      {
        expr: most(SHOWN, `sum by (${by}, reason) (${rate(`podnet_${kind}_errors_total`, matchers)})`),
        legend: `${legend} {{reason}}`,
      },
    ],
  });
