import type { NodeNetwork } from '../../../openapi/podnet-api.js';
import { dialLatency, type LatencyQuery } from '../../store/dial-latency.js';
import type { End } from '../../store/dialled-pairs.js';
import type { Suspicion } from '../../store/suspects.js';
import { worstOf } from '../../store/suspect-summary.js';
import { renderQuantity } from '../quantity.js';
import type { Column } from './resource.js';

/** The network that every agent can be dialled over. */
const DEFAULT_NETWORK = 'default';

/** How it is to dial a node, and how those that do see it. */
type Dialled = Pick<NodeNetwork, 'dialLatency' | 'suspectRatio' | 'suspectNetworks'>;

/** Nothing of what nobody can tell. @param ends of the node @param suspicions one for each network */
export function dialledAs(
  ends: readonly End[],
  suspicions: readonly Suspicion[],
  at: { readonly windowMs: number; readonly nowMs: number },
): Dialled {
  const [p50Seconds, p99Seconds] = [0.5, 0.99].map((quantile) => latencyOf(ends, quantile, at));
  const worst = worstOf(suspicions);
  return {
    ...(p50Seconds !== undefined && p99Seconds !== undefined && { dialLatency: { p50Seconds, p99Seconds } }),
    ...(worst !== undefined && {
      suspectRatio: worst.ratio,
      suspectNetworks: suspicions.flatMap(({ network, seeing }) => (seeing > 0 ? [network] : [])),
    }),
  };
}

function latencyOf(
  ends: readonly End[],
  quantile: number,
  { windowMs, nowMs }: { readonly windowMs: number; readonly nowMs: number },
): string | undefined {
  const matchesSeries: LatencyQuery['matchesSeries'] = (label) => label('network') === DEFAULT_NETWORK;
  const latency = dialLatency(ends, { matchesSeries, quantile, windowMs }, nowMs);
  return latency.ok ? renderQuantity(latency.seconds, 'u') : undefined;
}

export function dialColumns(): Column<NodeNetwork>[] {
  return [
    {
      ...{ name: 'Suspect', priority: 0 },
      description: 'Part of the agents dialling it that see it failing or slow, on the network where it is seen worst.',
      // Rounded up: one of many is not none.
      cell: ({ object: { suspectRatio } }) => (suspectRatio === undefined ? null : `${Math.ceil(suspectRatio * 100)}%`),
    },
    {
      ...{ name: 'Dial-P99', priority: 1 },
      description: '99th percentile of the time that it takes to connect to it.',
      cell: ({ object: { dialLatency: latency } }) =>
        latency === undefined ? null : inMilliseconds(latency.p99Seconds),
    },
  ];
}

/** Of the suffixes that a quantity of seconds has. */
const MILLISECONDS: Readonly<Record<string, number>> = { u: 0.001, m: 1 };

/** A quantity of seconds for people, three digits: `20.3 ms`. */
function inMilliseconds(quantity: string): string {
  const milliseconds = Number.parseInt(quantity, 10) * (MILLISECONDS[quantity.slice(-1)] ?? 1_000);
  return `${milliseconds >= 100 ? milliseconds.toFixed(0) : milliseconds.toPrecision(3)} ms`;
}
