import { renderHostPort, type HostPort } from '../../runtime/options/kinds.js';
import { portFor, type EndpointPort, type EndpointSlice } from '../endpoints/endpoint-slice.js';
import { FollowedService, type FollowedServiceDeps } from '../endpoints/followed-service.js';

/** Follows which servers there are behind a DNS Service. */
export interface DnsEndpoints {
  /** Those that are ready, in order; undefined before that is known; the same object until something changes. */
  list(): readonly HostPort[] | undefined;
  /** Times that it could not be learnt, since the start. */
  readonly internalErrors: number;
  close(): Promise<void>;
}

/** More than a cluster has DNS servers; each is asked every name over every protocol. */
const MAX_SERVERS = 256;
const DNS_PORT = 53;

/** The endpoints of a DNS Service. While the API is away the last ones known stay. */
export class KubernetesDnsEndpoints implements DnsEndpoints {
  readonly #service: FollowedService;
  /** Undefined after a change. */
  #list: readonly HostPort[] | undefined;

  /** @param deps of which the Service is that of `--dns.endpoints` */
  constructor(deps: FollowedServiceDeps) {
    const options = {
      source: 'dns-endpoints',
      onChange: () => (this.#list = undefined),
      lacks: (slices: Iterable<EndpointSlice>) => ([...slices].length > 0 ? undefined : 'EndpointSlice'),
    } as const;
    this.#service = new FollowedService(options, deps);
  }

  /** Follows the API until closed, whatever it does. */
  start(): this {
    this.#service.start();
    return this;
  }

  list(): readonly HostPort[] | undefined {
    const { slices } = this.#service;
    if (slices === undefined) return undefined;
    this.#list ??= serversOf(slices);
    return this.#list;
  }

  get internalErrors(): number {
    return this.#service.failures;
  }

  async close(): Promise<void> {
    await this.#service.close();
  }
}

/** Those that are ready and not being deleted, each once, ordered by address. */
export function serversOf(slices: Iterable<EndpointSlice>): readonly HostPort[] {
  const servers = new Map<string, HostPort>();
  for (const { endpoints, ports } of slices) {
    const port = dnsPort(ports);
    for (const { address, isReady, isTerminating } of endpoints) {
      const server = { host: address, port };
      if (isReady && !isTerminating) servers.set(renderHostPort(server), server);
    }
  }
  const inOrder = [...servers].sort(([a], [b]) => (a < b ? -1 : 1));
  return inOrder.slice(0, MAX_SERVERS).map(([, server]) => server);
}

function dnsPort(ports: readonly EndpointPort[]): number {
  const named = (name: string, protocol: string) =>
    ports.find((port) => port.name === name && port.protocol === protocol)?.port;
  return named('dns', 'UDP') ?? named('dns-tcp', 'TCP') ?? portFor('UDP', 'dns', ports) ?? DNS_PORT;
}
