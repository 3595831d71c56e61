import { renderHostPort, type HostPort, type ObjectName } from '../../runtime/options/kinds.js';
import { Repeating } from '../../runtime/repeating.js';
import type { SourceStates } from '../source-states.js';
import { portFor, type EndpointPort, type EndpointSlice } from '../endpoints/endpoint-slice.js';
import { followSlices, type Followed, type FollowDeps } from '../endpoints/followed.js';

/** Follows which servers there are behind a DNS Service. */
export interface DnsEndpoints {
  /** Those that are ready, in order; undefined before that is known; the same object until something changes. */
  list(): readonly HostPort[] | undefined;
  /** Times that it could not be learnt, since the start. */
  readonly internalErrors: number;
  close(): Promise<void>;
}

export interface KubernetesDnsEndpointsDeps extends FollowDeps {
  /** `--dns.endpoints`. */
  readonly service: ObjectName;
  readonly states: Pick<SourceStates, 'up' | 'off'>;
  /** How often it is told how the source stands; every second where nothing is said. */
  readonly tellEveryMs?: number;
  /** The API is asked no more. */
  readonly onClosed?: () => void;
}

const TELL_MS = 1_000;
/** More than a cluster has DNS servers; each is asked every name over every protocol. */
const MAX_SERVERS = 256;
const DNS_PORT = 53;

/** The endpoints of a DNS Service. While the API is away the last ones known stay. */
export class KubernetesDnsEndpoints implements DnsEndpoints {
  readonly #deps: KubernetesDnsEndpointsDeps;
  readonly #slices: Followed<EndpointSlice>;
  readonly #stop = new AbortController();
  readonly #telling: Repeating;
  /** Undefined after a change. */
  #list: readonly HostPort[] | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: KubernetesDnsEndpointsDeps) {
    this.#deps = deps;
    this.#slices = followSlices(deps.service, () => (this.#list = undefined), deps);
    this.#telling = new Repeating(() => {
      this.#tell();
      return Promise.resolve(deps.tellEveryMs ?? TELL_MS);
    });
  }

  /** Follows the API until closed, whatever it does. */
  start(): this {
    this.#running = this.#slices.run(this.#stop.signal);
    this.#telling.start();
    return this;
  }

  list(): readonly HostPort[] | undefined {
    const slices = this.#slices.items;
    if (slices === undefined) return undefined;
    this.#list ??= serversOf(slices.values());
    return this.#list;
  }

  get internalErrors(): number {
    return this.#slices.failures;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#telling.close(), this.#running]);
    this.#deps.onClosed?.();
  }

  #tell(): void {
    const { states, service } = this.#deps;
    const { state, problem, items } = this.#slices;
    if (state === undefined) return;
    if (state !== 'up') states.off('dns-endpoints', state, problem);
    else if (items === undefined || items.size > 0) states.up('dns-endpoints');
    else states.off('dns-endpoints', 'not_found', `Service ${service.namespace}/${service.name} has no EndpointSlice`);
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
