import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import type { Pod } from '../inventory/pod.js';
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
 * As many pods as a server takes, those with a network and the oldest first: a newcomer costs none that was there. One with too many interfaces is
 * reported without any: they are not known, whereas a part of them would pass for all.
 */
export function limitPods(known: readonly KnownPod[]): LimitedPods {
  const together = known.reduce((sum, { interfaces = [] }) => sum + interfaces.length, 0);
  const isRoomForAll = known.length <= REPORT_LIMITS.pods && together <= REPORT_LIMITS.interfaces;
  const kept = isRoomForAll ? known : [...known].sort(compareNeed).slice(0, REPORT_LIMITS.pods);
  let spare: number = REPORT_LIMITS.interfaces;
  const whole = new Set(
    kept.filter(({ interfaces = [] }) => {
      const isRoom = interfaces.length <= Math.min(spare, REPORT_LIMITS.interfacesPerPod);
      if (isRoom) spare -= interfaces.length;
      return isRoom;
    }),
  );
  return {
    pods: kept.map((one) => (whole.has(one) ? one : { pod: one.pod, interfaces: undefined })),
    podsCut: known.length - kept.length,
    interfacesCut: kept.length - whole.size,
  };
}

/** Those that have, or may have, a network before the others (a node may hold thousands of finished jobs), and the oldest first. */
function compareNeed({ pod: a }: KnownPod, { pod: b }: KnownPod): number {
  const isWithout = (pod: Pod): number => (pod.netnsAbsence === 'none' ? 1 : 0);
  return isWithout(a) - isWithout(b) || Date.parse(a.creationTimestamp) - Date.parse(b.creationTimestamp);
}
