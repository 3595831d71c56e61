import { X509Certificate } from 'node:crypto';
import { readCertificate } from './certificate.js';
import type { Authorities } from './certificate-chain.js';

/** Whom the cluster trusts to tell who somebody is, as kube-apiserver publishes it for extension servers. Never changed: replaced. */
export interface AuthenticationConfig {
  /** Another number for another content. */
  readonly generation: number;
  /** Undefined: nobody is a front proxy. */
  readonly frontProxy: FrontProxyTrust | undefined;
  /** Of certificates that name a user themselves; undefined: there are none. */
  readonly clientAuthorities: Authorities | undefined;
  /** What could not be used, for people. */
  readonly problems: readonly string[];
}

export interface FrontProxyTrust {
  readonly authorities: Authorities;
  /** Common names; empty: any that these authorities issued a certificate for. */
  readonly allowedNames: readonly string[];
  /** Lower case, as the rest. */
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraHeaderPrefixes: readonly string[];
}

/** etcd holds objects of 1.5 MiB at most; a bundle of a thousand certificates is none that somebody maintains. */
const LIMITS = { bundleCharacters: 2 * 1024 * 1024, certificates: 1_000, names: 100, nameCharacters: 256 } as const;
const PEM = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const PEM_BEGIN = '-----BEGIN CERTIFICATE-----';
/** RFC 9110 `token`. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'APISERVER_AUTHENTICATION_CONFIG';
}

/**
 * Parses `data` of ConfigMap kube-system/extension-apiserver-authentication. What is malformed makes its half unusable, with a
 * problem that says so: no front proxy, or no client certificates, is trusted. Never throws.
 */
export function parseAuthenticationConfig(data: unknown, generation: number): AuthenticationConfig {
  const get = (key: string): unknown =>
    typeof data === 'object' && data !== null && Object.hasOwn(data, key)
      ? (data as Readonly<Record<string, unknown>>)[key]
      : undefined;
  const problems: string[] = [];
  const orProblem = <T>(parse: () => T): T | undefined => {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(error.message);
      return undefined;
    }
  };
  const frontProxy = orProblem(() => parseFrontProxy(get));
  const clientCa = get('client-ca-file');
  // A cluster may have none: then nobody shows a certificate of it.
  const clientAuthorities =
    clientCa === undefined || clientCa === '' ? undefined : orProblem(() => parseBundle('client-ca-file', clientCa));
  return { generation, frontProxy, clientAuthorities, problems };
}

function parseFrontProxy(get: (key: string) => unknown): FrontProxyTrust {
  const strings = (key: string): string[] => parseStrings(key, get(key));
  const optional = (key: string): string[] =>
    get(key) === undefined || get(key) === '' ? [] : headerNames(key, strings(key));
  const usernameHeaders = headerNames('requestheader-username-headers', strings('requestheader-username-headers'));
  if (usernameHeaders.length === 0)
    throw new ConfigError('requestheader-username-headers: is empty: no header names a user');
  return {
    authorities: parseBundle('requestheader-client-ca-file', get('requestheader-client-ca-file')),
    // Missing would have to mean "any name": that has to be said, with [].
    allowedNames: strings('requestheader-allowed-names'),
    usernameHeaders,
    uidHeaders: optional('requestheader-uid-headers'),
    groupHeaders: optional('requestheader-group-headers'),
    extraHeaderPrefixes: optional('requestheader-extra-headers-prefix'),
  };
}

function parseBundle(key: string, text: unknown): Authorities {
  if (typeof text !== 'string' || text === '')
    throw new ConfigError(`${key}: is missing: kube-apiserver has to publish it`);
  if (text.length > LIMITS.bundleCharacters)
    throw new ConfigError(`${key}: is longer than ${LIMITS.bundleCharacters} characters`);
  const blocks = text.match(PEM) ?? [];
  if (
    blocks.length === 0 ||
    blocks.length !== text.split(PEM_BEGIN).length - 1 ||
    blocks.length > LIMITS.certificates
  ) {
    throw new ConfigError(`${key}: is not a bundle of 1 to ${LIMITS.certificates} PEM certificates`);
  }
  const seen = new Set<string>();
  return blocks.flatMap((block, i) => {
    const certificate = parseBlock(key, block, i + 1);
    if (seen.has(certificate.fingerprint)) return [];
    seen.add(certificate.fingerprint);
    return [certificate];
  });
}

function parseBlock(key: string, block: string, position: number): Authorities[number] {
  try {
    return readCertificate(new X509Certificate(block));
  } catch (error) {
    throw new ConfigError(`${key}: certificate ${position} cannot be read`, { cause: error });
  }
}

/** A JSON array of strings; `null` is how Go writes an empty one. */
function parseStrings(key: string, text: unknown): string[] {
  if (typeof text !== 'string' || text === '') throw new ConfigError(`${key}: is missing: it has to be a JSON array`);
  const values = parseJson(key, text) ?? [];
  const isList = Array.isArray(values) && values.length <= LIMITS.names;
  if (
    !isList ||
    !values.every((one): one is string => typeof one === 'string' && one.length <= LIMITS.nameCharacters)
  ) {
    throw new ConfigError(`${key}: is not a JSON array of at most ${LIMITS.names} strings`);
  }
  return values;
}

function parseJson(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${key}: is not JSON`, { cause: error });
  }
}

function headerNames(key: string, names: readonly string[]): string[] {
  return names.map((name) => {
    const trimmed = name.trim();
    if (!HEADER_NAME.test(trimmed))
      throw new ConfigError(`${key}: ${JSON.stringify(name)} is not the name of a header`);
    return trimmed.toLowerCase();
  });
}
