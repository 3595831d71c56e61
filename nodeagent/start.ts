import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { Compat } from '../metrics/compat/compat.js';
import type { Clock } from '../runtime/clock.js';
import { listenProblem } from '../runtime/listen-problem.js';
import type { Logger } from '../runtime/logger.js';
import { renderHostPort } from '../runtime/options/kinds.js';
import { RateLimit } from '../runtime/rate-limit.js';
import { sleep } from '../runtime/sleep.js';
import { StartError } from '../runtime/start-error.js';
import { createAgentHttp } from './http.js';
import { intervalShare } from './interval-share.js';
import type { LoadLibc } from './inventory/netlink-sources.js';
import type { NetnsPodsDeps } from './inventory/netns-pods.js';
import type { NodeagentOptions } from './options.js';
import type { NodeRoleDeps } from './node-role.js';
import { createPushing } from './create-pushing.js';
import { createCredentials } from './push/credentials.js';
import { runSchedule } from './schedule.js';
import type { Role } from './role.js';
import { createSelfMetrics } from './self-metrics.js';

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
  /** Who is asked for --service-dns-name, as `host:port`; those of /etc/resolv.conf where nothing is said. */
  readonly nameservers?: readonly string[];
  /** What is known of a namespace besides what the kernel tells. */
  readonly describe?: NonNullable<NetnsPodsDeps['describe']>;
  /** What netlink goes through; a test plays a kernel with VFs. */
  readonly loadLibc?: LoadLibc;
}

const STALE_AFTER = { intervals: 3, leastMs: 15_000 } as const;

/**
 * Starts sampling, pushing and serving.
 * @throws {StartError} when procfs cannot be read, nothing says where the Kubernetes API is, or the port is taken
 */
export async function startNodeagent(options: NodeagentOptions, deps: NodeagentDeps): Promise<Nodeagent> {
  const { clock, log, version } = deps;
  const stop = new AbortController();
  const metrics = createSelfMetrics(new Registry(), version);
  const credentials = createCredentials(options, {
    ...{ clock, log, serverCa: deps.serverCa },
    onRead: (file, isReadable) => metrics.fileReadable.set({ file }, isReadable ? 1 : 0),
  });
  const late: { role?: Role } = {};
  const pushing = await createPushing(options, {
    ...{ clock, log, version, metrics, credentials, env: deps.env, nameservers: deps.nameservers },
    role: () => late.role,
  });
  const role = await createRole(options, {
    ...{ clock, log, version, metrics, notify: pushing.notify, servers: pushing.servers, env: deps.env },
    ...{ describe: deps.describe, loadLibc: deps.loadLibc },
    historyMs: pushing.historyMs,
  });
  late.role = role;

  const staleAfterMs = Math.max(STALE_AFTER.intervals * options.interval, STALE_AFTER.leastMs);
  const http = createAgentHttp({
    registry: metrics.registry,
    problem: () => role.problem,
    isBlind: () => role.isBlind,
    waiting: () => role.waiting,
    compat: new Compat(options.compat),
    limit: new RateLimit({ perSecond: options.listenRateLimit, burst: options.listenRateBurst }, clock),
    view: () => (clock.monotonicMs() - role.newestMs <= staleAfterMs ? role.view() : undefined),
  });
  try {
    await once(http.listen(options.listenAddress), 'listening');
  } catch (error) {
    await role.close();
    const problem = listenProblem(options.listenAddress, error, '--listen-address chooses another one');
    throw new StartError(problem, { cause: error });
  }
  const round = async (): Promise<void> => {
    await role.sample();
    pushing.notify();
  };
  const onMissed = (count: number): void => metrics.missedSweeps.inc(count);
  const sampleWhenReady = async (): Promise<void> => {
    await Promise.race([role.ready, sleep(options.interval, stop.signal)]);
    const share = intervalShare(options.nodeName, options.role);
    await runSchedule(round, { intervalMs: options.interval, share, clock, sleep, signal: stop.signal, onMissed });
  };
  pushing.start();
  const running = Promise.all([sampleWhenReady(), role.run(stop.signal)]);
  const address = http.address() as AddressInfo;
  const url = `http://${renderHostPort({ host: address.address, port: address.port })}`;
  log.info({ url, node: options.nodeName, servers: pushing.servers() ?? [] }, 'sampling');
  return {
    url,
    close: async () => {
      stop.abort();
      http.close();
      http.closeAllConnections();
      await running;
      await pushing.close();
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
