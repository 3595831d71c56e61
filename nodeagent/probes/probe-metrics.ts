import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Why a probe that was due, or made, is not counted. */
export const LEFT_OUT_REASONS = ['loop_delay', 'busy', 'peer_gone'] as const;
export type LeftOutReason = (typeof LEFT_OUT_REASONS)[number];

/** What an agent of role probe says of its probing, on its own /metrics. */
export interface ProbeMetrics {
  readonly loopDelay: Histogram;
  readonly leftOut: Counter<'kind' | 'reason'>;
  readonly targets: Gauge<'kind'>;
  readonly badPeers: Gauge<'reason'>;
}

export function createProbeMetrics(registry: Registry): ProbeMetrics {
  const registers = [registry];
  return {
    loopDelay: new Histogram({
      name: 'podnet_nodeagent_event_loop_delay_seconds',
      help: 'How late the agent got to what was due: looked at every 5 ms when a probe begins, then less and less often, and twice a second where none is under way.',
      buckets: [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    leftOut: new Counter({
      name: 'podnet_nodeagent_probes_left_out_total',
      help: 'Probes that are not counted: loop_delay (the agent itself was held up), busy (too many under way), peer_gone (who was asked is no more).',
      labelNames: ['kind', 'reason'],
      registers,
    }),
    targets: new Gauge({
      name: 'podnet_nodeagent_probe_targets',
      help: 'Targets that are probed.',
      labelNames: ['kind'],
      registers,
    }),
    badPeers: new Gauge({
      name: 'podnet_nodeagent_peers_bad',
      help: 'Entries of what is listed of the agents to be dialled that are left out now, by reason.',
      labelNames: ['reason'],
      registers,
    }),
  };
}
