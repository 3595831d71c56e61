import type { IpamSourceReport } from '../../openapi/ipam-report.js';
import type { CollectorResult } from '../../openapi/node-report.js';
import type { IpamSourceView } from '../../metrics/node-families.js';
import type { Clock } from '../../runtime/clock.js';
import { errorMessage, type Logger } from '../../runtime/logger.js';
import { IPAM_COLLECTOR } from '../collectors/registry.js';
import type { SelfMetrics } from '../self-metrics.js';
import type { SourceName, SourceStates } from '../source-states.js';
import { readAwscni } from './awscni-text.js';
import { createEndpointSource } from './endpoint.js';
import { createHostLocalSource } from './host-local.js';
import type { AddressOwners } from './host-local-owners.js';
import type { IpamOptions } from './options.js';
import { IpamPoller, type TakenReading } from './poller.js';
import type { IpamSource } from './source.js';

export interface CreateIpamDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly states: Pick<SourceStates, 'up' | 'off'>;
  readonly metrics: Pick<SelfMetrics, 'rejectedIpam' | 'collectorSuccess' | 'collectorSeconds'>;
  /** Who may have addresses on this node, as far as that is known now. */
  readonly owners: () => AddressOwners | undefined;
}

/** What keeps the books of IP addresses, and how it is read. */
interface SourceSpec {
  readonly state: SourceName;
  /** Undefined: a flag says that it is not to be read. */
  readonly create: (options: IpamOptions, deps: Pick<CreateIpamDeps, 'clock' | 'owners'>) => IpamSource | undefined;
}

/** In the order in which a report has them. */
const SOURCES: readonly SourceSpec[] = [
  {
    state: 'ipam-endpoint',
    create: ({ ipamEndpoint }) =>
      ipamEndpoint === ''
        ? undefined
        : createEndpointSource({ name: 'awscni', url: new URL(ipamEndpoint), parse: readAwscni }),
  },
  {
    state: 'host-local',
    create: ({ pathCniNetworks, pathCniConf }, { clock, owners }) =>
      pathCniNetworks === ''
        ? undefined
        : createHostLocalSource({ networksPath: pathCniNetworks, confPath: pathCniConf, clock, owners }),
  },
];

/** As of every other sample. */
const STALE_AFTER = { intervals: 3, leastMs: 15_000 } as const;
const MAX_ERROR_LENGTH = 1_024;

/** Begins to read every source that the flags leave on. @returns undefined where they leave none */
export function createIpam(
  options: IpamOptions & { readonly 'collector.ipam': boolean },
  deps: CreateIpamDeps,
): Ipam | undefined {
  const { clock, log, states, metrics } = deps;
  const pollers = SOURCES.flatMap(({ state, create }) => {
    const source = options['collector.ipam'] ? create(options, deps) : undefined;
    if (source === undefined) {
      states.off(state, 'not_configured');
      return [];
    }
    return new IpamPoller({
      ...{ source, clock, log, metrics },
      intervalMs: options.ipamInterval,
      timeoutMs: Math.min(options.ipamTimeout, options.ipamInterval),
      state: { up: () => states.up(state), off: (reason, detail) => states.off(state, reason, detail) },
    });
  });
  return pollers.length === 0 ? undefined : new Ipam(pollers, metrics);
}

/** What the sources tell of the IP addresses of the node. Each is read on a schedule of its own, and nobody waits for any. */
export class Ipam {
  readonly #pollers: readonly IpamPoller[];
  readonly #metrics: Pick<SelfMetrics, 'collectorSuccess' | 'collectorSeconds'>;

  constructor(pollers: readonly IpamPoller[], metrics: Pick<SelfMetrics, 'collectorSuccess' | 'collectorSeconds'>) {
    this.#pollers = pollers;
    this.#metrics = metrics;
    for (const poller of pollers) poller.start(() => this.#showResult());
  }

  /** One for each source, also for one that is not there. */
  reports(): IpamSourceReport[] {
    return this.#pollers.map(({ name, intervalMs, attempt, newest }) => ({
      ...{ name, intervalMs, families: [], leftOut: [], pools: [] },
      ...(newest !== undefined && describe(newest)),
      ...(attempt?.error !== undefined && { problem: attempt.error.reason }),
    }));
  }

  /** Of the sources that told something lately. @param nowMs monotonic */
  views(nowMs: number): IpamSourceView[] {
    return this.reports().flatMap(({ name, intervalMs, takenAt = -Infinity, families, pools }) => {
      const staleAfterMs = Math.max(STALE_AFTER.intervals * intervalMs, STALE_AFTER.leastMs);
      return nowMs - takenAt <= staleAfterMs ? [{ name, families, pools }] : [];
    });
  }

  /** How the last attempts went together; undefined where this node has no such source. */
  get result(): CollectorResult | undefined {
    const there = this.#pollers.filter(({ isThere }) => isThere);
    if (there.length === 0) return undefined;
    const errors = there.flatMap(({ name, attempt }) =>
      attempt?.error === undefined ? [] : [`${name}: ${errorMessage(attempt.error)}`],
    );
    return {
      ...{ name: IPAM_COLLECTOR.name, ok: errors.length === 0 },
      seconds: Math.max(...there.map(({ attempt }) => attempt?.seconds ?? 0)),
      ...(errors.length > 0 && { error: errors.join('; ').slice(0, MAX_ERROR_LENGTH) }),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#pollers.map((poller) => poller.close()));
  }

  #showResult(): void {
    const { collectorSuccess, collectorSeconds } = this.#metrics;
    const { result } = this;
    const labels = { collector: IPAM_COLLECTOR.name };
    if (result === undefined) {
      collectorSuccess.remove(labels);
      collectorSeconds.remove(labels);
    } else {
      collectorSuccess.set(labels, result.ok ? 1 : 0);
      collectorSeconds.set(labels, result.seconds);
    }
  }
}

function describe({ takenAt, reading, pools }: TakenReading): Omit<IpamSourceReport, 'name' | 'intervalMs'> {
  const { families, leftOut } = reading;
  return { takenAt, families: [...families], leftOut: [...leftOut], pools: [...pools] };
}
