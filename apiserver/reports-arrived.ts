import type { Clock } from '../runtime/clock.js';
import type { HealthCheck } from './api/health.js';
import type { Cluster } from './app.js';
import { freshSummary } from './store/fresh-summary.js';
import type { NodeSeries } from './store/node-series.js';
import { ROLES, type Store } from './store/store.js';

/** Agents whose first report may still be on its way: a server is ready after so many intervals without any. */
const INTERVALS = 3;
/** Of an agent that has not been heard of. */
const USUAL_INTERVAL_MS = 15_000;
/** A Deployment is to be rolled out though some agents report once in five minutes and others never come. */
const LONGEST_INTERVAL_MS = 60_000;
/** Of the agents: some node is always being rebooted. */
const ENOUGH_AGENTS = 0.95;

/**
 * Ready once the agents have reported, or have had the time to; then ready for good. A server that is only half full would make an HPA
 * see half of the truth, and one that waits for agents that never come would make its APIServices unavailable. Each role counts for itself:
 * those that probe say nothing of pods. Of the two it is role node that has to have been heard of, as most of what is asked for is its.
 */
export function reportsArrived(store: Store, clock: Clock, expectedAgents?: Cluster['expectedAgents']): HealthCheck {
  const startedMs = clock.monotonicMs();
  let ready = false;
  /** How many agents there should be is known of those workloads alone that one reported of: the first one's may be a small one. */
  const hadOneInterval = (): boolean => clock.monotonicMs() - startedMs >= longestInterval(store.nodes(), 0);
  const haveArrived = (): boolean => {
    if (expectedAgents === undefined) return ROLES.some((role) => store.count(role) > 0);
    return (
      hadOneInterval() &&
      ROLES.every((role) => {
        const reported = store.count(role);
        if (reported === 0) return role === 'probe';
        const expected = expectedAgents(role);
        return expected !== undefined && reported >= expected * ENOUGH_AGENTS;
      })
    );
  };
  const hadTheTime = (): boolean =>
    clock.monotonicMs() - startedMs > INTERVALS * longestInterval(store.nodes(), USUAL_INTERVAL_MS);
  return {
    name: 'reports',
    isMet: () => (ready ||= haveArrived() || hadTheTime()),
    detail: () => {
      const fresh = freshSummary(store.nodes(), clock.monotonicMs()) ?? 'no agent has reported';
      return [...reportedOf(store, expectedAgents), fresh].join(', ');
    },
  };
}

/** By role, where it is known how many there should be. */
function reportedOf(store: Store, expectedAgents?: Cluster['expectedAgents']): string[] {
  return ROLES.flatMap((role) => {
    const expected = expectedAgents?.(role);
    return expected === undefined ? [] : [`${store.count(role)} of ${expected} agents of role ${role} have reported`];
  });
}

function longestInterval(nodes: readonly NodeSeries[], leastMs: number): number {
  const longestMs = nodes.reduce((longest, { intervalMs }) => Math.max(longest, intervalMs), leastMs);
  return Math.min(longestMs, LONGEST_INTERVAL_MS);
}
