import type { Clock } from '../../runtime/clock.js';
import { createKubeClient, type KubeClient, type KubeClientOptions } from '../../runtime/kube/client.js';
import { errorMessage, type Logger } from '../../runtime/logger.js';
import { StartError } from '../../runtime/start-error.js';
import type { SourceName, SourceStates } from '../source-states.js';
import { KubernetesDnsEndpoints, type DnsEndpoints } from './kubernetes-dns-endpoints.js';
import { KubernetesPeers } from './kubernetes-peers.js';
import type { ProbeOptions } from './options.js';
import type { PeerSource } from './peers.js';
import { createStaticPeers, parseStaticPeers } from './static-peers.js';

export interface ClusterOptions {
  /** A file; without one, the service account of the pod that the agent runs in. */
  readonly kubeconfig: string | undefined;
}

export interface PeerSourceOptions
  extends
    ClusterOptions,
    Pick<ProbeOptions, 'probeListenAddress' | 'dialService' | 'dialPeers' | 'dialSecondaryNetworks'> {
  readonly nodeName: string;
}

export interface DnsEndpointsOptions extends ClusterOptions, Pick<ProbeOptions, 'dnsEndpoints'> {}

export interface PeerSourceDeps extends Pick<KubeClientOptions, 'env' | 'serviceAccountDirectory'> {
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the agent. */
  readonly version: string;
  readonly states: Pick<SourceStates, 'up' | 'off'>;
}

/** Lists and watches of slices, Service and pods, one more while each is given up, and one for the own pod. */
const MAX_CONNECTIONS = 7;

/**
 * Who is to be dialled: those of --dial.peers where there are any, else the agents of --dial.service, else nobody. Outside a
 * cluster nobody knows, and the source says so; whether the API answers makes no difference to the start.
 * @throws {StartError} when --dial.peers or --kubeconfig is no good
 */
export async function createPeerSource(options: PeerSourceOptions, deps: PeerSourceDeps): Promise<PeerSource> {
  const { dialPeers, dialService, dialSecondaryNetworks, probeListenAddress, nodeName } = options;
  const { states, clock, log } = deps;
  if (dialPeers.length > 0) {
    const { peers, errors } = parseStaticPeers(dialPeers, probeListenAddress.port);
    if (errors.length > 0) throw new StartError(errors.map((error) => `--dial.peers: ${error}`).join('; '));
    states.up('peers');
    states.off('peer-networks', 'not_configured');
    return createStaticPeers(peers);
  }
  if (dialService === undefined) {
    for (const source of ['peers', 'peer-networks'] as const) states.off(source, 'not_configured');
    return createStaticPeers([]);
  }
  const client = await connect(options, deps, 'peers');
  if (client === undefined) {
    return { list: () => undefined, isLive: () => true, internalErrors: 0, close: () => Promise.resolve() };
  }
  log.info({ api: client.server, service: dialService }, 'following the agents to be dialled');
  return new KubernetesPeers({
    ...{ api: client, clock, log, states, node: nodeName, service: dialService },
    usualPort: probeListenAddress.port,
    hasSecondaryNetworks: dialSecondaryNetworks,
    random: Math.random,
    onClosed: () => client.close(),
  }).start();
}

/**
 * The servers behind --dns.endpoints; undefined where no flag asks for them.
 * @throws {StartError} when --kubeconfig is no good
 */
export async function createDnsEndpoints(
  options: DnsEndpointsOptions,
  deps: PeerSourceDeps,
): Promise<DnsEndpoints | undefined> {
  const { dnsEndpoints: service } = options;
  const { states, clock, log } = deps;
  if (service === undefined) {
    states.off('dns-endpoints', 'not_configured');
    return undefined;
  }
  const client = await connect(options, deps, 'dns-endpoints');
  if (client === undefined) return { list: () => undefined, internalErrors: 0, close: () => Promise.resolve() };
  const onClosed = (): void => client.close();
  return new KubernetesDnsEndpoints({ ...{ api: client, clock, log, states, service }, onClosed }).start();
}

/** @returns undefined where nothing says where the API is, which the state of the source then tells */
async function connect(
  { kubeconfig }: ClusterOptions,
  { env, clock, log, version, states, serviceAccountDirectory }: PeerSourceDeps,
  source: SourceName,
): Promise<KubeClient | undefined> {
  try {
    return await createKubeClient({
      ...{ kubeconfig, env, clock, log },
      userAgent: `podnet-nodeagent/${version}`,
      maxConnections: MAX_CONNECTIONS,
      ...(source === 'peers' && { outside: '--dial.peers' }),
      ...(serviceAccountDirectory !== undefined && { serviceAccountDirectory }),
    });
  } catch (error) {
    if (kubeconfig !== undefined || !(error instanceof StartError)) throw error;
    states.off(source, 'not_found', errorMessage(error));
    return undefined;
  }
}
