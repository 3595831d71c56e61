import type { Logger } from '../runtime/logger.js';
import type { SelfMetrics } from './self-metrics.js';

/** What is known beyond the counters comes from these; each may be missing, and costs no more than what it tells. */
export type SourceName =
  | 'kubernetes'
  | 'cgroups'
  | 'cri'
  | 'kubelet'
  | 'host-interfaces'
  | 'pod-links'
  | 'sriov'
  | 'vf-links'
  | 'resource-claims'
  | 'cpu-manager-state'
  | 'ipam-endpoint'
  | 'host-local'
  | 'resolv-conf'
  | 'peers'
  | 'peer-networks'
  | 'dns-endpoints'
  | 'apiservers';

/** Those that an agent with the least rights, or a node without such devices, goes without. */
const EXTRAS: readonly SourceName[] = [
  'kubelet',
  'host-interfaces',
  'pod-links',
  'sriov',
  'vf-links',
  'resource-claims',
  'cpu-manager-state',
  'ipam-endpoint',
  'host-local',
  'resolv-conf',
  'peer-networks',
];

/** Why a source is not in use. */
export const SOURCE_OFF = {
  not_configured: 'no flag asks for it',
  not_needed: 'there is nothing on this node that it would tell of',
  not_found: 'it is not there',
  not_permitted: 'a right is missing',
  not_host_network: "the agent is not in the node's network namespace",
  not_host_pid: "the agent does not see the node's processes by their own ids",
  unsupported: 'this machine does not have it',
  unreachable: 'it does not answer',
  failed: 'it answers with an error',
} as const;
export type SourceOff = keyof typeof SOURCE_OFF;

export interface SourceStatesDeps {
  readonly log: Logger;
  readonly metrics: Pick<SelfMetrics, 'sourceUp'>;
}

/** Which sources are in use, and why the others are not: a self-metric, and a line in the log for each change. */
export class SourceStates {
  readonly #deps: SourceStatesDeps;
  readonly #reasons = new Map<SourceName, SourceOff | 'up'>();

  constructor(deps: SourceStatesDeps) {
    this.#deps = deps;
  }

  up(source: SourceName): void {
    if (this.#set(source, 'up')) this.#deps.log.info({ source }, 'a source is in use');
  }

  /** @param detail what was said of it; it is logged with a change of the reason alone */
  off(source: SourceName, reason: SourceOff, detail?: string): void {
    const wasUp = this.#reasons.get(source) === 'up';
    if (!this.#set(source, reason)) return;
    this.#deps.log[levelOf(source, reason, wasUp)](
      { source, reason, ...(detail !== undefined && { detail }) },
      'a source is not in use',
    );
  }

  #set(source: SourceName, reason: SourceOff | 'up'): boolean {
    const before = this.#reasons.get(source);
    if (before === reason) return false;
    const { sourceUp } = this.#deps.metrics;
    if (before !== undefined) sourceUp.remove({ source, reason: before === 'up' ? '' : before });
    sourceUp.set({ source, reason: reason === 'up' ? '' : reason }, reason === 'up' ? 1 : 0);
    this.#reasons.set(source, reason);
    return true;
  }
}

function levelOf(source: SourceName, reason: SourceOff, wasUp: boolean): 'debug' | 'info' | 'warn' {
  if (reason === 'not_configured' || reason === 'not_needed') return 'debug';
  return EXTRAS.includes(source) && !wasUp ? 'info' : 'warn';
}
