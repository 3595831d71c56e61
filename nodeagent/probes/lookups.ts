import { readFileSync } from 'node:fs';
import type { Clock } from '../../runtime/clock.js';
import { errorMessage, type Logger } from '../../runtime/logger.js';
import type { HostPort } from '../../runtime/options/kinds.js';
import type { SourceStates } from '../source-states.js';
import { dnsTargets, type DnsPlan } from './dns-targets.js';
import type { ProbeOptions } from './options.js';
import type { Prober } from './prober.js';
import { clusterHost, parseResolvConf, type ResolvConf } from './resolv-conf.js';

/** What a pod is told of the names of its cluster. */
const RESOLV_CONF = '/etc/resolv.conf';
/** It changes with the network of a machine; in a pod never. */
const READ_EVERY_MS = 30_000;
/** A resolver reads no more of use: 32 domains of 255 characters. */
const MAX_LENGTH = 64 * 1024;

export interface LookupsDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly states: Pick<SourceStates, 'up' | 'off'>;
  readonly prober: Pick<Prober, 'setTargets'>;
  /** The endpoints of the DNS Service; undefined before they are known. */
  readonly endpoints: () => readonly HostPort[] | undefined;
  /** Reads a file. @throws what readFileSync throws */
  readonly read?: (path: string) => string;
}

type LookupOptions = Pick<ProbeOptions, 'dnsHosts' | 'dnsServers' | 'dnsProtocols'>;

/** Which names are looked up where: what the flags say, and what /etc/resolv.conf does where they say nothing. */
export class Lookups {
  readonly #options: LookupOptions;
  readonly #deps: LookupsDeps;
  #resolvConf: ResolvConf | undefined;
  #readMs = -Infinity;
  #failures = 0;
  #planned = '';

  constructor(options: LookupOptions, deps: LookupsDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Times that it could not be read what to ask, since the start. */
  get failures(): number {
    return this.#failures;
  }

  /** Has what there is now looked up from now on. */
  look(): void {
    const { clock, prober, log } = this.#deps;
    const plan = this.#plan(clock.monotonicMs());
    const key = JSON.stringify(plan);
    if (key === this.#planned) return;
    this.#planned = key;
    const { targets, leftOut } = dnsTargets(plan, clock);
    if (leftOut > 0)
      log.warn({ targets: targets.length, leftOut }, 'there are too many names and servers: some are not asked');
    prober.setTargets('dns', targets);
  }

  #plan(nowMs: number): DnsPlan {
    const { dnsHosts, dnsServers, dnsProtocols } = this.#options;
    const isNeeded = dnsHosts.length === 0 || dnsServers.length === 0;
    if (isNeeded && nowMs - this.#readMs >= READ_EVERY_MS) this.#read(nowMs);
    const host = this.#resolvConf && clusterHost(this.#resolvConf);
    return {
      hosts: dnsHosts.length > 0 ? dnsHosts : host === undefined ? [] : [host],
      servers: dnsServers.length > 0 ? dnsServers : (this.#resolvConf?.nameservers ?? []),
      endpoints: this.#deps.endpoints() ?? [],
      protocols: dnsProtocols,
    };
  }

  #read(nowMs: number): void {
    const { states, read = (path: string) => readFileSync(path, 'utf8') } = this.#deps;
    this.#readMs = nowMs;
    try {
      this.#resolvConf = parseResolvConf(read(RESOLV_CONF).slice(0, MAX_LENGTH));
    } catch (error) {
      this.#failures++;
      states.off('resolv-conf', isMissing(error) ? 'not_found' : 'failed', errorMessage(error));
      return;
    }
    const isOutside = this.#options.dnsHosts.length === 0 && clusterHost(this.#resolvConf) === undefined;
    if (isOutside)
      states.off(
        'resolv-conf',
        'not_needed',
        'it names no cluster, and no --dns.hosts are given: no names are looked up',
      );
    else states.up('resolv-conf');
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
