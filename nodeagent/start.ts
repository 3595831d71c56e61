import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { Compat } from '../metrics/compat/compat.js';
import { REPORT_LIMITS } from '../openapi/report-terms.js';
import { Backoff } from '../runtime/backoff.js';
import type { Clock } from '../runtime/clock.js';
import { errorMessage, type Logger } from '../runtime/logger.js';
import { renderHostPort } from '../runtime/options/kinds.js';
import { RateLimit } from '../runtime/rate-limit.js';
import { sleep } from '../runtime/sleep.js';
import { StartError } from '../runtime/start-error.js';
import { createAgentHttp } from './http.js';
import type { LoadLibc } from './inventory/netlink-sources.js';
import type { NetnsPodsDeps } from './inventory/netns-pods.js';
import { distinctServers, type NodeagentOptions } from './options.js';
import type { NodeRoleDeps } from './node-role.js';
import { createCredentials, type Credentials } from './push/credentials.js';
import { HttpsClient } from './push/https-client.js';
import { Pusher } from './push/pusher.js';
import { runSchedule } from './schedule.js';
import type { Role } from './role.js';
import { createSelfMetrics, type SelfMetrics } from './self-metrics.js';

export interface Nodeagent {
  /** Such as http://127.0.0.1:9808. */
  readonly url: string;
  close(): Promise<void>;
}

export interface NodeagentDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  /** Of the process: tells a pod where the Kubernetes API is. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Trusted besides or instead of --server-ca-file, PEM. */
  readonly serverCa?: string;
  /** What is known of a namespace besides what the kernel tells. */
  readonly describe?: NonNullable<NetnsPodsDeps['describe']>;
  /** What netlink goes through; a test plays a kernel with VFs. */
  readonly loadLibc?: LoadLibc;
}

/** Kept for a server that has not said yet what it wants. */
const DEFAULT_HISTORY_MS = 300_000;
const MAX_HISTORY_MS = 3_600_000;
const PUSH_TIMEOUT_MS = 10_000;
/** Grows to four intervals, at least a second and at most a minute. */
const BACKOFF = { firstMs: 500, intervals: 4, minMaxMs: 1_000, maxMs: 60_000 } as const;
const STALE_AFTER = { intervals: 3, leastMs: 15_000 } as const;

/**
 * Starts sampling, pushing and serving.
 * @throws {StartError} when procfs cannot be read, nothing says where the Kubernetes API is, or the port is taken
 */
export async function startNodeagent(options: NodeagentOptions, deps: NodeagentDeps): Promise<Nodeagent> {
  const { clock, log, version } = deps;
  const stop = new AbortController();
  const metrics = createSelfMetrics(new Registry(), version);
  const pushers: Pusher[] = [];
  const servers = distinctServers(options.server);
  const late: { role?: Role } = {};
  const notify = (): void => {
    // Without any sample it is not known what there is, and a report would say that there is nothing.
    if (late.role === undefined || late.role.newestMs === -Infinity) return;
    for (const pusher of pushers) pusher.notify();
  };
  const role = await createRole(options, {
    ...{ clock, log, version, metrics, servers, notify, env: deps.env },
    ...{ describe: deps.describe, loadLibc: deps.loadLibc },
    historyMs: () => wantedHistoryMs(pushers),
  });
  late.role = role;
  const credentials = createCredentials(options, {
    ...{ clock, log, serverCa: deps.serverCa },
    onRead: (file, isReadable) => metrics.fileReadable.set({ file }, isReadable ? 1 : 0),
  });
  pushers.push(...servers.map((server) => createPusher(server, { ...deps, options, role, metrics, credentials })));

  const staleAfterMs = Math.max(STALE_AFTER.intervals * options.interval, STALE_AFTER.leastMs);
  const http = createAgentHttp({
    registry: metrics.registry,
    problem: () => role.problem,
    waiting: () => role.waiting,
    compat: new Compat(options.compat),
    limit: new RateLimit({ perSecond: options.listenRateLimit, burst: options.listenRateBurst }, clock),
    view: () => (clock.monotonicMs() - role.newestMs <= staleAfterMs ? role.view() : undefined),
  });
  try {
    await once(http.listen(options.listenAddress), 'listening');
  } catch (error) {
    await role.close();
    throw new StartError(`cannot serve on ${renderHostPort(options.listenAddress)}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  const round = async (): Promise<void> => {
    await role.sample();
    notify();
  };
  const onMissed = (count: number): void => metrics.missedSweeps.inc(count);
  const sampleWhenReady = async (): Promise<void> => {
    await Promise.race([role.ready, sleep(options.interval, stop.signal)]);
    await runSchedule(round, { intervalMs: options.interval, clock, sleep, signal: stop.signal, onMissed });
  };
  const running = Promise.all([
    sampleWhenReady(),
    role.run(stop.signal),
    ...pushers.map((pusher) => pusher.run(stop.signal)),
  ]);
  const address = http.address() as AddressInfo;
  const url = `http://${renderHostPort({ host: address.address, port: address.port })}`;
  log.info({ url, node: options.nodeName, servers }, 'sampling');
  return {
    url,
    close: async () => {
      stop.abort();
      http.close();
      http.closeAllConnections();
      await running;
      await role.close();
    },
  };
}

/** What the other role needs is not loaded. */
async function createRole(options: NodeagentOptions, deps: NodeRoleDeps): Promise<Role> {
  if (options.role === 'probe') {
    const { createProbeRole } = await import('./probe-role.js');
    return createProbeRole(options, deps);
  }
  const { createNodeRole } = await import('./node-role.js');
  return createNodeRole(options, deps);
}

interface PusherParts extends Pick<NodeagentDeps, 'clock' | 'log' | 'version'> {
  readonly options: NodeagentOptions;
  readonly role: Role;
  readonly metrics: SelfMetrics;
  readonly credentials: Credentials;
}

function createPusher(
  server: string,
  { options, version, role, metrics, credentials, clock, log }: PusherParts,
): Pusher {
  const maxMs = Math.min(BACKOFF.maxMs, Math.max(BACKOFF.minMaxMs, BACKOFF.intervals * options.interval));
  return new Pusher({
    server,
    userAgent: `podnet-nodeagent/${version}`,
    log,
    client: new HttpsClient(new URL(server), { ca: credentials.ca, timeoutMs: PUSH_TIMEOUT_MS }),
    credentials,
    backoff: new Backoff({ firstMs: BACKOFF.firstMs, maxMs, random: Math.random }),
    limits: REPORT_LIMITS,
    build: (afterSequence, maxSamples) => role.report(afterSequence, Math.min(maxSamples, REPORT_LIMITS.samples)),
    monotonicMs: () => clock.monotonicMs(),
    onAnswer: (answer) => role.heard(server, answer, clock.monotonicMs()),
    metrics: {
      pushed: (result, seconds) => {
        metrics.pushes.inc({ server, result });
        metrics.pushSeconds.observe({ server }, seconds);
      },
      refused: (reason) => metrics.pushRefusals.inc({ server, reason }),
    },
  });
}

/** The longest that any server wants, within reason. */
function wantedHistoryMs(pushers: readonly Pusher[]): number {
  const wanted = pushers.map(({ historyMs }) => historyMs ?? DEFAULT_HISTORY_MS);
  return Math.min(MAX_HISTORY_MS, Math.max(0, ...wanted));
}
