import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { KubeError, type KubeApi } from '../../runtime/kube/api.js';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/logger.js';
import { dueStep, readAuthority, renderAuthority, useNext, type Authority, type AuthorityText } from './authority.js';
import type { ServiceName } from './leaf.js';
import { createAuthority } from './self-made.js';

export interface SharedCaDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Replicas that write at the same time: each of these rounds one of them succeeds. */
const MAX_ROUNDS = 10;
const REQUEST_TIMEOUT_MS = 10_000;
/** Of the Secret or the ConfigMap, which the manifests bring. */
export const NOT_THERE =
  'there is none, and the server has no right to make it: apply the manifests again, or helm upgrade';
const NEXT_SINCE = 'podnet.dev/next-ca-since';
const ENTRIES = ['tls.crt', 'tls.key', 'next.crt', 'next.key', 'ca.crt'] as const;

const SecretObject = Type.Object({
  metadata: Type.Object({
    resourceVersion: Type.String(),
    annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
  }),
  data: Type.Optional(Type.Record(Type.String(), Type.String())),
});
type SecretObject = Static<typeof SecretObject>;
const SECRET = Compile(SecretObject);

/** Name of the Secret and of the ConfigMap. */
export function caObjectName({ name }: ServiceName): string {
  return `${name}-ca`;
}

/**
 * The self-made authority that all replicas share, in a Secret: `tls.crt` and `tls.key` sign, `ca.crt` is what clients trust, and
 * `next.crt`, `next.key` are published a day before they sign. The manifests bring the Secret, empty: a right to make it could not be
 * limited to its name. Every write is an update of the version that was read.
 *
 * Emptying the Secret begins a rotation: a replica that runs fills it with what it knows, and a next one. To distrust the old
 * authority at once, stop all replicas and empty it.
 */
export class SharedCa {
  readonly #service: ServiceName;
  readonly #deps: SharedCaDeps;
  /** As read or written last. */
  #authority: Authority | undefined;

  constructor(service: ServiceName, deps: SharedCaDeps) {
    this.#service = service;
    this.#deps = deps;
  }

  /** What it was the last time. */
  get known(): Authority | undefined {
    return this.#authority;
  }

  /**
   * Reads the Secret, and writes it where something is due.
   * @throws {KubeError} when the API does not answer, or says no, or there is no Secret
   */
  async refresh(signal: AbortSignal): Promise<Authority> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const found = await this.#read(signal);
      const { authority, why } = await this.#decide(found);
      if (why === '' || (await this.#write(found, authority, signal))) {
        if (why !== '') this.#deps.log.info({ secret: this.#label, why }, 'certificate authority written');
        this.#authority = authority;
        return authority;
      }
    }
    throw new KubeError(`Secret ${this.#label} was changed by others ${MAX_ROUNDS} times in a row`, 409, 'Conflict');
  }

  get #label(): string {
    return `${this.#service.namespace}/${caObjectName(this.#service)}`;
  }

  /** What is to be in the Secret, and why it is to be written; empty where it is to stay as it is. */
  async #decide(found: SecretObject): Promise<{ authority: Authority; why: string }> {
    const wallMs = this.#deps.clock.wallMs();
    if (isEmpty(found)) {
      const known = this.#authority;
      if (known === undefined) return { authority: await this.#create([]), why: 'there was none' };
      return { authority: known.next === undefined ? await this.#addNext(known) : known, why: 'it was emptied' };
    }
    const { authority, bundle, problem } = readAuthority(textOf(found), wallMs);
    if (authority === undefined) {
      this.#deps.log.warn({ secret: this.#label, problem }, 'the certificate authority is not usable');
      return { authority: this.#usableOwn(wallMs) ?? (await this.#create(bundle)), why: problem };
    }
    if (problem !== '') return { authority, why: `the next one is used: ${problem}` };
    switch (dueStep(authority, wallMs)) {
      case 'make_next':
        return { authority: await this.#addNext(authority), why: 'it is to be rotated: the next one is published' };
      case 'note_next':
        return { authority: withNext(authority, authority.next?.pair, wallMs), why: 'the next one is published' };
      case 'use_next':
        return { authority: useNext(authority), why: 'it is rotated: the next one signs' };
      case undefined:
        return { authority, why: '' };
    }
  }

  /** What this replica knows, if that still holds. */
  #usableOwn(wallMs: number): Authority | undefined {
    if (this.#authority === undefined) return undefined;
    return readAuthority(renderAuthority(this.#authority, wallMs), wallMs).authority;
  }

  async #create(earlier: readonly string[]): Promise<Authority> {
    return { current: await createAuthority(this.#deps.clock.wallMs()), earlier };
  }

  async #addNext(authority: Authority): Promise<Authority> {
    const wallMs = this.#deps.clock.wallMs();
    return withNext(authority, await createAuthority(wallMs), wallMs);
  }

  async #read(signal: AbortSignal): Promise<SecretObject> {
    try {
      const answer = await this.#deps.api.request({
        method: 'GET',
        ...{ path: this.#path, signal, timeoutMs: REQUEST_TIMEOUT_MS },
      });
      if (SECRET.Check(answer)) return answer;
    } catch (error) {
      if (!(error instanceof KubeError) || error.statusCode !== 404) throw error;
      throw new KubeError(`Secret ${this.#label}: ${NOT_THERE}`, error.statusCode, error.reason, { cause: error });
    }
    throw new KubeError(`Secret ${this.#label}: the answer is not a Secret`, undefined, '');
  }

  /** @returns false where somebody else wrote first */
  async #write(found: SecretObject, authority: Authority, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#deps.api.request({
        ...{ method: 'PUT', path: this.#path, body: this.#object(found, authority) },
        ...{ signal, timeoutMs: REQUEST_TIMEOUT_MS },
      });
      return true;
    } catch (error) {
      // 404: deleted since it was read
      if (error instanceof KubeError && (error.statusCode === 409 || error.statusCode === 404)) return false;
      throw error;
    }
  }

  get #path(): string {
    return `/api/v1/namespaces/${this.#service.namespace}/secrets/${caObjectName(this.#service)}`;
  }

  /** The whole object: labels, owners and entries of others stay. */
  #object(found: SecretObject, authority: Authority): object {
    const { nextSince, ...entries } = renderAuthority(authority, this.#deps.clock.wallMs());
    const isOwn = (name: string): boolean => [NEXT_SINCE, ...ENTRIES].some((own) => own === name);
    const others = (record: Readonly<Record<string, string>> = {}): [string, string][] =>
      Object.entries(record).filter(([name]) => !isOwn(name));
    const encoded = Object.entries<string>(entries).map(
      ([name, text]) => [name, Buffer.from(text).toString('base64')] as const,
    );
    return {
      ...found,
      metadata: {
        ...found.metadata,
        annotations: {
          ...Object.fromEntries(others(found.metadata.annotations)),
          ...(nextSince !== undefined && { [NEXT_SINCE]: nextSince }),
        },
      },
      data: { ...Object.fromEntries(others(found.data)), ...Object.fromEntries(encoded) },
    };
  }
}

/** As the manifests bring it: what others keep in it says nothing of an authority. */
function isEmpty({ data = {} }: SecretObject): boolean {
  return ENTRIES.every((name) => data[name] === undefined);
}

function withNext(authority: Authority, pair: Authority['current'] | undefined, sinceMs: number): Authority {
  return pair === undefined ? authority : { ...authority, next: { pair, sinceMs } };
}

function textOf({ data = {}, metadata }: SecretObject): AuthorityText {
  const decoded = ENTRIES.flatMap((name) => {
    const encoded = data[name];
    return encoded === undefined ? [] : [[name, Buffer.from(encoded, 'base64').toString('utf8')] as const];
  });
  const nextSince = metadata.annotations?.[NEXT_SINCE];
  return { ...Object.fromEntries(decoded), ...(nextSince !== undefined && { nextSince }) };
}
