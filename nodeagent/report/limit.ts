import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import type { KnownPod } from './build.js';

/** What a report has room for. */
export interface LimitedPods {
  readonly pods: readonly KnownPod[];
  /** Pods left out. */
  readonly podsCut: number;
  /** Pods in it without their interfaces. */
  readonly interfacesCut: number;
}

/**
 * As many pods as a server takes, the oldest first: a newcomer costs none that was there. One with too many interfaces is
 * reported without any: they are not known, whereas a part of them would pass for all.
 */
export function limitPods(known: readonly KnownPod[]): LimitedPods {
  const kept = known.length <= REPORT_LIMITS.pods ? known : [...known].sort(byAge).slice(0, REPORT_LIMITS.pods);
  let spare: number = REPORT_LIMITS.interfaces;
  let interfacesCut = 0;
  const pods = kept.map((one): KnownPod => {
    const wanted = one.interfaces?.length ?? 0;
    if (wanted <= Math.min(spare, REPORT_LIMITS.interfacesPerPod)) {
      spare -= wanted;
      return one;
    }
    interfacesCut++;
    return { pod: one.pod, interfaces: undefined };
  });
  return { pods, podsCut: known.length - kept.length, interfacesCut };
}

function byAge({ pod: a }: KnownPod, { pod: b }: KnownPod): number {
  return Date.parse(a.creationTimestamp) - Date.parse(b.creationTimestamp);
}
