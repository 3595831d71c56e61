import type { Reflector } from '../runtime/kube/reflector.js';
import type { SourceOff } from './source-states.js';

const NOT_PERMITTED = [401, 403];

/** The state of a source that follows the Kubernetes API; undefined before anything is known. */
export function followedState({
  problem,
  problemStatus,
  isSynced,
}: Pick<Reflector<unknown>, 'problem' | 'problemStatus' | 'isSynced'>): SourceOff | 'up' | undefined {
  if (problem === undefined) return isSynced ? 'up' : undefined;
  return offByStatus(problemStatus);
}

/** @param status of HTTP; undefined where there was no answer */
export function offByStatus(status: number | undefined): SourceOff {
  if (status === undefined) return 'unreachable';
  return NOT_PERMITTED.includes(status) ? 'not_permitted' : 'failed';
}
