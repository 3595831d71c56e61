import { createLocalJWKSet, errors, type CryptoKey, type JWK, type JWTHeaderParameters } from 'jose';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Clock } from '../../runtime/clock.js';
import type { KubeApi } from '../../runtime/kube/api.js';
import { errorMessage, type Logger } from '../../runtime/logger.js';

const KEYS_PATH = '/openid/v1/jwks';
const ISSUER_PATH = '/.well-known/openid-configuration';
/** The keys have a type of their own, and an answer of 406 for who does not ask for it (kubernetes, pkg/routes/openidmetadata.go). */
const ACCEPT = 'application/jwk-set+json, application/json';

const REFRESH_MS = 300_000;
/** Between two fetches whatever the cause, so that tokens with invented key ids make no load. */
const MIN_GAP_MS = 10_000;
const TIMEOUT_MS = 5_000;
/** A cluster has one key, two while it changes them. */
const MAX_KEYS = 64;
/** A number of an RSA key of 16,384 bits has 2,731 characters. */
const MAX_FIELD = 4_096;

const field = Type.Optional(Type.String({ maxLength: MAX_FIELD }));
const KEY = Compile(
  Type.Object({
    kty: Type.Union([Type.Literal('RSA'), Type.Literal('EC')]),
    kid: Type.String({ minLength: 1, maxLength: 512 }),
    ...{ alg: field, use: field, n: field, e: field, crv: field, x: field, y: field },
  }),
);
const KEYS = Compile(Type.Object({ keys: Type.Array(Type.Unknown(), { maxItems: MAX_KEYS }) }));
const ISSUER = Compile(Type.Object({ issuer: Type.String({ minLength: 1, maxLength: 2_048 }) }));

/** A published key cannot be used: its token has to be judged by somebody else. */
export class KeyUnusableError extends Error {
  override readonly name = 'KeyUnusableError';
  readonly code = 'APISERVER_KEY_UNUSABLE';
}

/** What the cluster publishes of the keys that it signs service account tokens with. */
export interface PublishedKeys {
  readonly issuer: string;
  readonly ids: ReadonlySet<string>;
  /** @throws {KeyUnusableError} */
  readonly keyFor: (header: JWTHeaderParameters) => Promise<CryptoKey>;
}

export interface ServiceAccountKeysDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The published keys, fetched when needed and again every five minutes. The last ones are kept while the API cannot be reached:
 * they are public, and a token that was signed with them has an end of its own.
 */
export class ServiceAccountKeys {
  readonly #deps: ServiceAccountKeysDeps;
  #keys: PublishedKeys | undefined;
  #loadedMs = -Infinity;
  #triedMs = -Infinity;
  #loading: Promise<void> | undefined;
  #problem = '';

  constructor(deps: ServiceAccountKeysDeps) {
    this.#deps = deps;
  }

  get count(): number {
    return this.#keys?.ids.size ?? 0;
  }

  /** Milliseconds since the keys were fetched; undefined where there are none. */
  get ageMs(): number | undefined {
    return this.#keys === undefined ? undefined : this.#deps.clock.monotonicMs() - this.#loadedMs;
  }

  /** Undefined while they could not be fetched once. */
  async published(): Promise<PublishedKeys | undefined> {
    const isOld = this.#deps.clock.monotonicMs() - this.#loadedMs > REFRESH_MS;
    if (this.#keys === undefined || (isOld && this.#problem === '')) await this.#refresh();
    else if (isOld) void this.#refresh(); // it failed the last time: nobody waits for it again
    return this.#keys;
  }

  /** The keys, fetched anew when a key is unknown: the cluster may have changed them. */
  async publishedWith(keyId: string): Promise<PublishedKeys | undefined> {
    const keys = await this.published();
    if (keys?.ids.has(keyId) === false) await this.#refresh();
    return this.#keys;
  }

  /** Never rejects; one at a time, and does nothing right after the last one. */
  #refresh(): Promise<void> {
    if (this.#loading !== undefined) return this.#loading;
    const nowMs = this.#deps.clock.monotonicMs();
    if (nowMs - this.#triedMs < MIN_GAP_MS) return Promise.resolve();
    this.#triedMs = nowMs;
    this.#loading = this.#load().finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  async #load(): Promise<void> {
    const { api, clock, log } = this.#deps;
    try {
      const [keys, issuer] = await Promise.all(
        [KEYS_PATH, ISSUER_PATH].map((path) =>
          api.request({ method: 'GET', path, accept: ACCEPT, timeoutMs: TIMEOUT_MS }),
        ),
      );
      this.#keys = parsePublishedKeys(keys, issuer);
      this.#loadedMs = clock.monotonicMs();
      if (this.#problem !== '') log.info({ keys: this.count }, 'the keys of service accounts are there again');
      this.#problem = '';
    } catch (error) {
      if (this.#problem === '') {
        log.warn(
          { problem: errorMessage(error), keys: this.count },
          'the keys of service accounts cannot be fetched: tokens are checked with the last ones, or reviewed',
        );
      }
      this.#problem = errorMessage(error);
    }
  }
}

/**
 * Only what verifies signatures is taken: RSA and elliptic curves, their public parts, one by one.
 * @throws {TypeError} when nothing of it is usable
 */
export function parsePublishedKeys(jwks: unknown, configuration: unknown): PublishedKeys {
  if (!ISSUER.Check(configuration)) throw new TypeError(`${ISSUER_PATH}: has no issuer`);
  if (!KEYS.Check(jwks)) throw new TypeError(`${KEYS_PATH}: is not a list of at most ${MAX_KEYS} keys`);
  const keys: JWK[] = [];
  for (const key of jwks.keys) {
    if (!KEY.Check(key)) continue;
    const { kty, kid, alg, use, n, e, crv, x, y } = key;
    const optional = Object.entries({ alg, use, n, e, crv, x, y }).filter(([, value]) => value !== undefined);
    keys.push({ kty, kid, ...Object.fromEntries(optional) });
  }
  if (keys.length === 0) throw new TypeError(`${KEYS_PATH}: has no RSA or EC key with an id`);
  const find = createLocalJWKSet({ keys });
  return {
    issuer: configuration.issuer,
    ids: new Set(keys.map(({ kid }) => kid ?? '')),
    keyFor: async (header) => {
      try {
        return await find(header);
      } catch (error) {
        const why = error instanceof errors.JOSEError ? error.code : 'cannot be read';
        throw new KeyUnusableError(`a key of ${KEYS_PATH}: ${why}`, { cause: error });
      }
    },
  };
}
