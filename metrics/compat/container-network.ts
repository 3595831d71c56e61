import { INTERFACE_COUNTER_FAMILIES } from '../catalogue.js';
import type { CompatFamily } from './predecessor.js';

interface Recorded {
  /** The recorded name of what cAdvisor calls `container_network_…_total`. */
  readonly rename: (cadvisorName: string) => string;
  readonly labels: readonly string[];
  /** Whose rules recorded it, completes "as … recorded it". */
  readonly by: string;
}

/** The eight counters of an interface under names that the recording rules of a predecessor made of cAdvisor's. */
export function recordedFamilies({ rename, labels, by }: Recorded): CompatFamily[] {
  return INTERFACE_COUNTER_FAMILIES.map(({ name: ours, help, unit, column, stability }) => {
    const name = rename(ours.replace(/^podnet_interface_/, 'container_network_'));
    const isCounterName = name.endsWith('_total');
    return {
      ...{ name, column, labels, stability },
      // In OpenMetrics the name of a counter ends in _total, and no other name can be one.
      type: isCounterName ? 'counter' : 'unknown',
      help: `${help.replace(/\.$/, '')}, as ${by} recorded it.`,
      ...(isCounterName && unit !== undefined && { unit }),
    };
  });
}
