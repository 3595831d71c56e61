import { hostname, networkInterfaces } from 'node:os';
import { randomUUID } from 'node:crypto';
import type { Registry } from 'prom-client';
import type { Clock } from '../runtime/clock.js';
import { createKubeClient, type KubeClient } from '../runtime/kube/client.js';
import { Lease } from '../runtime/kube/lease.js';
import type { Logger } from '../runtime/logger.js';
import type { ObjectName } from '../runtime/options/kinds.js';
import { apiSurface } from './api/api-surface.js';
import type { HealthCheck } from './api/health.js';
import type { Cluster, Created } from './app.js';
import { boundPodOf } from './auth/agent-claims.js';
import { EXTRA } from './auth/agent-identity.js';
import { createAgentTokens } from './auth/agent-tokens.js';
import { createAuth, type Auth } from './auth/create-auth.js';
import { reviewToken } from './auth/token-review.js';
import { addExposerMetrics, LeaseExposer } from './exposition/lease-exposer.js';
import type { ApiserverOptions } from './options.js';
import { Agents } from './pods/agents.js';
import { KubernetesObjectNames } from './pods/object-names.js';
import { KubernetesPodNodes } from './pods/kubernetes-pod-nodes.js';
import { KubernetesPods } from './pods/kubernetes-pods.js';
import { addListMetrics } from './pods/list-metrics.js';
import { KubernetesServices } from './pods/kubernetes-services.js';
import { servingHosts } from './tls/leaf.js';
import { startCaPublisher } from './tls/publish-ca.js';
import { createTlsMetrics } from './tls/metrics.js';
import { startServingCertificate } from './tls/serving.js';
import type { ServingCertificate } from './tls/serving-certificate.js';

export interface KubernetesDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  readonly version: string;
  /** Of the process: tells a pod where the API is. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What the server has of the cluster that it serves in. */
export interface KubernetesSide {
  readonly cluster: Cluster & { readonly pods: KubernetesPods };
  readonly auth: Auth;
  readonly certificate: ServingCertificate;
  readonly exposer: LeaseExposer;
  /** For `/readyz`. */
  readonly checks: readonly HealthCheck[];
  /** Of the replica that publishes, where one does. */
  readonly publisherLease?: Lease;
  /** What is shown of a node is to be made anew when the API server says that other pods exist. */
  onServing(created: Pick<Created, 'store' | 'exposition' | 'seriesLimit'>): void;
  /** Another replica is to expose. */
  leave(): Promise<void>;
  close(): Promise<void>;
}

/** A review is asked for once: who waits for it tries again. */
const ONE_TRY = { timeoutMs: 5_000, retryDelaysMs: [] } as const;
/** For reviews of agents, apart from those of everybody else. */
const AGENT_REVIEW_CONNECTIONS = 100;

/**
 * Begins to follow the cluster: authentication data, pods, Services, certificates.
 * @throws {StartError} when there is no Kubernetes API to be asked
 */
export async function startKubernetes(options: ApiserverOptions, deps: KubernetesDeps): Promise<KubernetesSide> {
  const { clock, log, registry, env, version } = deps;
  const access = {
    ...{ kubeconfig: options.kubeconfig, env, clock, log },
    userAgent: `podnet-apiserver/${version}`,
    outside: '--standalone',
  };
  const client = await createKubeClient(access);
  const reviews = await createKubeClient({ ...access, maxConnections: AGENT_REVIEW_CONNECTIONS });
  const stop = new AbortController();
  const pods = new KubernetesPods({ api: client, clock, log });
  const services = new KubernetesServices({ api: client, clock, log });
  const agents = new Agents(pods);
  const tokens = createAgentTokens({
    ...{ api: client, pods, clock, log, registry, allowUnbound: options.allowUnboundAgents },
    reviewToken: (token, audiences) => reviewToken(reviews, token, { audiences, limits: ONE_TRY }),
  });
  const auth = createAuth({
    ...{ api: client, reportsApi: reviews, clock, log, registry },
    agentTokens: {
      authenticate: async (token, remoteAddress) => {
        const { user, pod, node } = await tokens.verify(token, remoteAddress);
        const bound = {
          ...(node !== undefined && { [EXTRA.nodeName]: [node] }),
          ...(pod !== undefined && { [EXTRA.podName]: [pod.name], [EXTRA.podUid]: [pod.uid] }),
        };
        return { ok: true, user: { ...user, extra: { ...user.extra, ...bound } } };
      },
    },
  });
  addListMetrics(registry, { pods: pods.source, services: services.source }, clock);
  const running = [pods, services, auth.source].map((one) => one.run(stop.signal));
  const serving = await startServing(options, client, deps);
  // Who holds the Lease without publishing would keep the others from it.
  const isPublishing = options.publishCloudwatch && !options.publishCloudwatchDryRun;
  const publisher = isPublishing ? createPublisherLease(options, client, deps) : undefined;
  if (publisher !== undefined) running.push(publisher.run(stop.signal));
  const exposer = new LeaseExposer({ lease: createExposerLease(options, client, deps), clock });
  addExposerMetrics(registry, exposer, clock);
  const podNodes = new KubernetesPodNodes({ api: client, clock, log, signal: stop.signal });
  const objects = new KubernetesObjectNames({ api: client, clock, log, signal: stop.signal });
  log.info({ api: client.server }, 'following the cluster');
  return {
    cluster: {
      ...{ pods, services, objects, podNodes, expectedAgents: (role) => agents.expected(role) },
      onReport: (user, role) => agents.note(boundPodOf(user), role),
    },
    auth,
    certificate: serving.certificate,
    exposer,
    ...(publisher !== undefined && { publisherLease: publisher }),
    checks: [
      auth.source.check,
      { name: 'certificate', isMet: () => serving.certificate.isReady() },
      podsCheck(pods, clock),
      agentsCheck(options),
      exposer.check,
    ],
    onServing: ({ store, exposition, seriesLimit }) => {
      const invalidate = (namespace: string, name: string): void => {
        for (const { node } of store.reported(namespace, name)) exposition.invalidate(node);
      };
      pods.onChange(invalidate);
      podNodes.onKnown(invalidate);
      pods.onReplaced(() => {
        for (const node of store.nodes()) exposition.invalidate(node);
      });
      exposer.start(store, (reportedSinceMs) => seriesLimit?.rebase(reportedSinceMs));
    },
    leave: () => exposer.close(),
    close: async () => {
      await exposer.close();
      stop.abort();
      await Promise.all([...running, serving.close()]);
      client.close();
      reviews.close();
    },
  };
}

interface Serving {
  readonly certificate: ServingCertificate;
  close(): Promise<void>;
}

/** Given files, or a leaf of the authority that the replicas share, one of which publishes it. */
async function startServing(options: ApiserverOptions, client: KubeClient, deps: KubernetesDeps): Promise<Serving> {
  const { clock, log, registry } = deps;
  const { service, tlsCertFile: certFile, tlsPrivateKeyFile: keyFile } = options;
  const metrics = createTlsMetrics(registry);
  if (certFile !== undefined && keyFile !== undefined) {
    const certificate = await startServingCertificate(
      { kind: 'files', certFile, keyFile, hosts: servingHosts(service) },
      { clock, log, metrics },
    );
    return { certificate, close: () => certificate.close() };
  }
  const certificate = await startServingCertificate(
    { kind: 'shared_ca', service, addresses: ownAddresses(), api: client, random: Math.random },
    { clock, log, metrics },
  );
  const lease = createLease(service, client, deps);
  const apiServices = apiSurface(new Set(options.apiGroups)).flatMap(({ name, versions }) =>
    versions.map(({ version }) => `${version}.${name}`),
  );
  const publisher = startCaPublisher({ service, apiServices }, { api: client, log, metrics, lease, certificate });
  const stop = new AbortController();
  const held = lease.run(stop.signal);
  return {
    certificate,
    close: async () => {
      await publisher.close();
      stop.abort();
      await Promise.all([held, certificate.close()]);
    },
  };
}

/** Another one than that of the authority: who publishes may be slow. */
function createPublisherLease({ service }: ApiserverOptions, client: KubeClient, deps: KubernetesDeps): Lease {
  return createLease({ ...service, name: `${service.name}-cloudwatch` }, client, deps);
}

/** Again another one: a right of its own, and whoever publishes the authority need not be the one that is scraped. */
function createExposerLease({ service }: ApiserverOptions, client: KubeClient, deps: KubernetesDeps): Lease {
  return createLease({ ...service, name: `${service.name}-exposer` }, client, deps);
}

function createLease(object: ObjectName, client: KubeClient, { clock, log }: KubernetesDeps): Lease {
  const identity = `${hostname()}_${randomUUID()}`;
  return new Lease({ ...object, identity }, { api: client, clock, log, random: Math.random });
}

/** By which agents may reach this replica. */
function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).filter(({ internal }) => !internal).map(({ address }) => address),
  );
}

/** Never in the way of readiness: without the list the reports stand alone, which is shown. */
function podsCheck(pods: KubernetesPods, clock: Clock): HealthCheck {
  return {
    name: 'pods',
    isMet: () => true,
    // Anybody may read this. What the API server said of it is in the log.
    detail: () => {
      const { lastContactMs } = pods.source;
      const age =
        lastContactMs === undefined ? 'never' : `${((clock.monotonicMs() - lastContactMs) / 1_000).toFixed(1)} s ago`;
      const confirmed = `the API server's list was confirmed ${age}`;
      return pods.isCurrent ? confirmed : `${confirmed} and is not current, the reports stand alone`;
    },
  };
}

function agentsCheck({ allowUnboundAgents }: ApiserverOptions): HealthCheck {
  return {
    name: 'agent-tokens',
    isMet: () => true,
    detail: () =>
      allowUnboundAgents ? 'tokens that name no node are taken, an agent can report for any node' : undefined,
  };
}
