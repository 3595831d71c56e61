import { REPORT_LIMITS } from '../openapi/report-terms.js';
import { Backoff } from '../runtime/backoff.js';
import type { Clock } from '../runtime/clock.js';
import { createKubeClient } from '../runtime/kube/client.js';
import type { Logger } from '../runtime/logger.js';
import type { ObjectName } from '../runtime/options/kinds.js';
import { distinctServers, type NodeagentOptions } from './options.js';
import type { Credentials } from './push/credentials.js';
import { HttpsClient } from './push/https-client.js';
import { DnsReplicas } from './push/dns-replicas.js';
import { KubernetesReplicas } from './push/kubernetes-replicas.js';
import { PUSH_REFUSAL_REASONS, PUSH_RESULTS, Pusher } from './push/pusher.js';
import { Pushers } from './push/pushers.js';
import type { PushTarget, Replicas, ReplicaSource } from './push/replicas.js';
import type { Role } from './role.js';
import type { SelfMetrics } from './self-metrics.js';
import { SourceStates } from './source-states.js';

export interface PushingDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  readonly metrics: SelfMetrics;
  readonly credentials: Credentials;
  /** Of the process: tells a pod where the Kubernetes API is. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Who is asked for --service-dns-name, as `host:port`; those of /etc/resolv.conf where nothing is said. */
  readonly nameservers?: readonly string[] | undefined;
  /** Undefined until there is one. */
  readonly role: () => Role | undefined;
}

/** Keeps all servers supplied, whichever there are. */
export interface Pushing {
  /** Undefined while it is not known which there are. */
  readonly servers: () => readonly string[] | undefined;
  /** How far back the samples are wanted, milliseconds. */
  readonly historyMs: () => number;
  /** There is a new sample. */
  readonly notify: () => void;
  /** Once there is a role. */
  readonly start: () => void;
  readonly close: () => Promise<void>;
}

const PUSH_TIMEOUT_MS = 10_000;
/**
 * Grows to two intervals, at least a second and at most a minute: a replica that is found before it listens is not ready until nearly all
 * agents have come back to it.
 */
const BACKOFF = { firstMs: 500, intervals: 2, minMaxMs: 1_000, maxMs: 60_000 } as const;
/** A list and a watch, and one more while that is given up. */
const MAX_KUBE_CONNECTIONS = 3;

/**
 * Pushes to the servers of --server, or to the replicas of --service as they come and go.
 * @throws {StartError} when there is a --service, and nothing says where the Kubernetes API is
 */
export async function createPushing(options: NodeagentOptions, deps: PushingDeps): Promise<Pushing> {
  const { log, metrics, role } = deps;
  const { service } = options;
  // Without any sample it is not known what there is, and a report would say that there is nothing.
  const hasSamples = (): boolean => (role()?.newestMs ?? -Infinity) !== -Infinity;
  const pushers = new Pushers({
    ...{ log, hasSamples, mayChange: service !== undefined },
    create: (target) => createPusher(target, options, deps),
    onGone: (server) => forgetServer(server, metrics),
  });
  const pushTo = (targets: readonly PushTarget[]): void => {
    pushers.set(targets);
    metrics.apiservers.set({ state: 'pushed_to' }, pushers.servers.length);
  };
  const tellLeftOut = createLeftOut(deps);
  const onChange = (found: Replicas): void => {
    pushTo(found.targets);
    tellLeftOut(found);
  };
  const replicas = service === undefined ? undefined : await followReplicas(service, options, { ...deps, onChange });
  return {
    // that a Service has no replica is no reason not to wait for one
    servers: () => (service !== undefined && pushers.servers.length === 0 ? undefined : pushers.servers),
    historyMs: () => pushers.historyMs,
    notify: () => {
      if (hasSamples()) pushers.notify();
    },
    start: () => {
      if (replicas === undefined) pushTo(distinctServers(options.server).map((server) => ({ server })));
      else replicas.start();
    },
    close: async () => {
      await Promise.all([replicas?.close(), pushers.close()]);
    },
  };
}

async function followReplicas(
  service: ObjectName,
  { kubeconfig, serviceDnsName }: NodeagentOptions,
  { clock, log, version, metrics, env, nameservers, onChange }: FollowReplicasDeps,
): Promise<ReplicaSource> {
  const states = new SourceStates({ log, metrics });
  if (serviceDnsName !== undefined) {
    return new DnsReplicas({
      ...{ name: serviceDnsName, service, states, nameservers, onChange },
      random: Math.random,
    });
  }
  const api = await createKubeClient({
    ...{ kubeconfig, env, clock, log, outside: '--server in place of --service' },
    userAgent: `podnet-nodeagent/${version}`,
    maxConnections: MAX_KUBE_CONNECTIONS,
  });
  log.info({ api: api.server, service }, 'following the replicas to push to');
  return new KubernetesReplicas({ ...{ api, clock, log, states, service, onChange }, onClosed: () => api.close() });
}

interface FollowReplicasDeps extends PushingDeps {
  readonly onChange: (found: Replicas) => void;
}

/** Tells how many replicas get nothing: always in the metrics, and in the log when it is another number. */
function createLeftOut({ metrics, log }: PushingDeps): (found: Replicas) => void {
  let before = 0;
  return ({ tooMany, withoutPort }) => {
    const leftOut = tooMany + withoutPort;
    metrics.apiservers.set({ state: 'left_out' }, leftOut);
    if (leftOut > 0 && leftOut !== before) log.warn({ tooMany, withoutPort }, 'some replicas are not pushed to');
    before = leftOut;
  };
}

function createPusher(
  { server, certifiedName }: PushTarget,
  options: NodeagentOptions,
  { version, role, metrics, credentials, clock, log }: PushingDeps,
): Pusher {
  const maxMs = Math.min(BACKOFF.maxMs, Math.max(BACKOFF.minMaxMs, BACKOFF.intervals * options.interval));
  const trust = { ca: credentials.ca, ...(certifiedName !== undefined && { certifiedName }) };
  return new Pusher({
    server,
    userAgent: `podnet-nodeagent/${version}`,
    log,
    client: new HttpsClient(new URL(server), { ...trust, timeoutMs: PUSH_TIMEOUT_MS }),
    credentials,
    backoff: new Backoff({ firstMs: BACKOFF.firstMs, maxMs, random: Math.random }),
    limits: REPORT_LIMITS,
    build: (afterSequence, maxSamples) => {
      const there = role();
      if (there === undefined) throw new TypeError('there is nothing to report yet');
      return there.report(afterSequence, Math.min(maxSamples, REPORT_LIMITS.samples));
    },
    monotonicMs: () => clock.monotonicMs(),
    onAnswer: (answer) => role()?.heard(server, answer, clock.monotonicMs()),
    metrics: {
      pushed: (result, seconds) => {
        metrics.pushes.inc({ server, result });
        metrics.pushSeconds.observe({ server }, seconds);
      },
      refused: (reason) => metrics.pushRefusals.inc({ server, reason }),
    },
  });
}

/** Replicas come under new addresses again and again, and each would leave its series behind. */
function forgetServer(server: string, { pushes, pushRefusals, pushSeconds }: SelfMetrics): void {
  for (const result of PUSH_RESULTS) pushes.remove({ server, result });
  for (const reason of PUSH_REFUSAL_REASONS) pushRefusals.remove({ server, reason });
  pushSeconds.remove({ server });
}
