import { NODATA, NOTFOUND, CONNREFUSED, TIMEOUT } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { errorMessage } from '../../runtime/logger.js';
import { renderHostPort, type HostPort, type ObjectName } from '../../runtime/options/kinds.js';
import { Repeating } from '../../runtime/repeating.js';
import type { SourceStates } from '../source-states.js';
import { atMost, certifiedNameOf, MAX_REPLICAS, originOf, type Replicas, type ReplicaSource } from './replicas.js';

export interface DnsReplicasDeps {
  /** `--service-dns-name`. */
  readonly name: string;
  /** `--service`: whose certificate they show. */
  readonly service: ObjectName;
  readonly states: Pick<SourceStates, 'up' | 'off'>;
  /** Told all that there are, after each answer. */
  readonly onChange: (replicas: Replicas) => void;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** As `host:port`; those of /etc/resolv.conf where nothing is said. */
  readonly nameservers?: readonly string[] | undefined;
  readonly askEveryMs?: number | undefined;
}

/** And up to half of it more. CoreDNS has its answers about a cluster for 5 s: they are no newer for being asked more often. */
const ASK_MS = 10_000;
/** While nothing is known. */
const FIRST_MS = 1_000;
/** Of each server, twice; then the next one is asked. */
const TIMEOUT_MS = 2_000;
const TRIES = 2;
const EMPTY_ANSWERS: readonly string[] = [NOTFOUND, NODATA];
const NO_ANSWERS: readonly string[] = [TIMEOUT, CONNREFUSED];

/**
 * The replicas of the apiserver by the DNS of a headless Service, for agents that may not read EndpointSlices: `_https._tcp.<name>` has an
 * SRV record for each (Kubernetes DNS specification 1.1, 2.4.2), unready ones too where the Service publishes them.
 *
 * Without an answer the last known stay. One that an answer lacks is gone when the next one lacks it, too: a server that has just been started may not know
 * all of them yet.
 */
export class DnsReplicas implements ReplicaSource {
  readonly #deps: DnsReplicasDeps;
  readonly #asking: Repeating;
  /** Those that the last answer had or, in doubt, did not have, by their origin. */
  #known: ReadonlyMap<string, { readonly isInDoubt: boolean }> | undefined;

  constructor(deps: DnsReplicasDeps) {
    this.#deps = deps;
    this.#asking = new Repeating(async (signal) => {
      await this.#ask(signal);
      const everyMs = this.#known === undefined ? FIRST_MS : (deps.askEveryMs ?? ASK_MS);
      return everyMs * (1 + deps.random() / 2);
    });
  }

  start(): void {
    this.#asking.start();
  }

  async close(): Promise<void> {
    await this.#asking.close();
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const { name, nameservers, states } = this.#deps;
    // a new one each time: it reads /etc/resolv.conf once, and may keep answers
    const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
    if (nameservers !== undefined) resolver.setServers(nameservers);
    const cancel = (): void => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      this.#take(await lookUpReplicas(resolver, `_https._tcp.${name}`));
    } catch (error) {
      if (!signal.aborted)
        states.off('apiservers', isUnanswered(error) ? 'unreachable' : 'failed', errorMessage(error));
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  #take({ replicas, leftOut }: Answer): void {
    const { name, service, states, onChange } = this.#deps;
    const known = new Map(replicas.map((replica) => [originOf(replica), { isInDoubt: false }]));
    for (const [server, { isInDoubt }] of this.#known ?? []) {
      if (!known.has(server) && !isInDoubt) known.set(server, { isInDoubt: true });
    }
    this.#known = known;
    if (known.size > 0) states.up('apiservers');
    else states.off('apiservers', 'not_found', `there is no SRV record of _https._tcp.${name}`);
    const { targets, tooMany } = atMost(MAX_REPLICAS, [...known.keys()], certifiedNameOf(service));
    onChange({ targets, tooMany: tooMany + leftOut, withoutPort: 0 });
  }
}

interface Answer {
  readonly replicas: readonly HostPort[];
  /** Records that were not looked at: there are too many. */
  readonly leftOut: number;
}

/** @throws what node:dns throws, when a question has no answer: half of an answer is none */
async function lookUpReplicas(resolver: Resolver, name: string): Promise<Answer> {
  const records = await orNone(resolver.resolveSrv(name));
  // "." says that the service is not there; RFC 2782
  const usable = records.filter((record) => record.name !== '' && record.name !== '.' && record.port > 0);
  usable.sort((a, b) =>
    renderHostPort({ host: a.name, port: a.port }) < renderHostPort({ host: b.name, port: b.port }) ? -1 : 1,
  );
  const asked = usable.slice(0, MAX_REPLICAS);
  const addressesBy = async (resolve: (host: string) => Promise<string[]>): Promise<HostPort[]> => {
    const found = asked.map(async (record) =>
      (await orNone(resolve(record.name))).map((host) => ({ host, port: record.port })),
    );
    return (await Promise.all(found)).flat();
  };
  // a pod with an address of each family has two records, and would get every report twice
  const byIpv4 = await addressesBy((host) => resolver.resolve4(host));
  const replicas = byIpv4.length > 0 ? byIpv4 : await addressesBy((host) => resolver.resolve6(host));
  return { replicas, leftOut: usable.length - asked.length };
}

/** That there is nothing of that name is an answer. */
async function orNone<T>(answer: Promise<T[]>): Promise<T[]> {
  try {
    return await answer;
  } catch (error) {
    if (EMPTY_ANSWERS.includes(codeOf(error))) return [];
    throw error;
  }
}

function isUnanswered(error: unknown): boolean {
  return NO_ANSWERS.includes(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
