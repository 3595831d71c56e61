import type { ProbesReport } from '../../openapi/probe-report.js';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/logger.js';
import type { NodeagentOptions } from '../options.js';
import type { SourceStates } from '../source-states.js';
import { createDnsEndpoints, createPeerSource } from './create-peers.js';
import { DialTargets } from './dial-targets.js';
import { Lookups } from './lookups.js';
import { createNtpTarget } from './ntp.js';
import type { PeerList } from './peers.js';
import type { ProbeMetrics } from './probe-metrics.js';
import type { Prober } from './prober.js';
import { ownFamilies, parseServer, type Family } from './server-address.js';

export interface ProbeSourcesDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  /** Of the process: tells a pod where the Kubernetes API is. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly prober: Pick<Prober, 'setTargets'>;
  readonly states: SourceStates;
  readonly metrics: Pick<ProbeMetrics, 'badPeers'>;
}

/** What there is to be probed, as it changes. */
export interface ProbeSources {
  /** Has what there is now probed from now on. */
  look(): void;
  /** What has to be learnt from others before all of it is known; empty when nothing has. */
  readonly waiting: string;
  internalErrors(): ProbesReport['internalErrors'];
  close(): Promise<void>;
}

/** RFC 5905, 7.2. */
export const NTP_PORT = 123;

/** Follows what the flags name. Whether the Kubernetes API answers makes no difference to the start. */
export async function createProbeSources(options: NodeagentOptions, deps: ProbeSourcesDeps): Promise<ProbeSources> {
  const { clock, prober, metrics } = deps;
  const nowMs = (): number => clock.monotonicMs();
  const peers = options['collector.dial'] ? await createPeerSource(options, deps) : undefined;
  const dialTargets =
    peers && new DialTargets({ self: options.nodeName, count: options.dialCount, source: peers, nowMs });
  const asksDns = options['collector.dns'];
  const endpoints = asksDns ? await createDnsEndpoints(options, deps) : undefined;
  const lookups = asksDns ? new Lookups(options, { ...deps, endpoints: () => endpoints?.list() }) : undefined;
  const asksNtp = options['collector.ntp'];
  if (asksNtp) {
    const servers = options.ntpServers.flatMap((text) => parseServer(text, NTP_PORT) ?? []);
    const unique = [...new Map(servers.map((server) => [server.label, server])).values()];
    prober.setTargets(
      'ntp',
      unique.map((server) => createNtpTarget(server, { clock, intervalMs: options.ntpInterval })),
    );
  }
  /** Never fewer: an agent that lost its addresses has not lost its peers, it cannot reach them. */
  const families = new Set<Family>();
  let dialled = { list: undefined as PeerList | undefined, families: 0 };
  return {
    look: () => {
      const list = peers?.list();
      if (list !== undefined) {
        metrics.badPeers.reset();
        for (const [reason, count] of peers?.leftOut ?? []) metrics.badPeers.set({ reason }, count);
        for (const family of ownFamilies()) families.add(family);
        const isSame = list === dialled.list && families.size === dialled.families;
        if (dialTargets !== undefined && (!isSame || nowMs() >= dialTargets.changesAtMs)) {
          prober.setTargets('dial', dialTargets.of(list, families));
        }
        dialled = { list, families: families.size };
      }
      lookups?.look();
    },
    get waiting() {
      return peers !== undefined && peers.list() === undefined ? 'who there is to be dialled is not known yet' : '';
    },
    internalErrors: () => ({
      ...(peers !== undefined && { dial: peers.internalErrors }),
      ...(lookups !== undefined && { dns: lookups.failures + (endpoints?.internalErrors ?? 0) }),
      // what there is to be asked is what the flags say
      ...(asksNtp && { ntp: 0 }),
    }),
    close: async () => {
      await Promise.all([peers?.close(), endpoints?.close()]);
    },
  };
}
