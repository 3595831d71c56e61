import type { FrontProxyTrust } from './authentication-config.js';
import type { User } from './user.js';

/** As many header fields as HTTP/2 may carry here; more is nobody's identity. */
const MAX_FIELDS = 8_192;
const REMOTE_HEADER = /^x-remote-/i;

/** Names of headers, and which values they came with, in order. Names are lower case. */
type Fields = readonly (readonly [name: string, value: string])[];

/**
 * Whom the headers of a VERIFIED front proxy name (apiserver, headerrequest/requestheader.go): the first user header with a value, every
 * group header as one group, extra keys lower-cased and then percent-decoded.
 *
 * `rawHeaders` is read because joined headers make two groups of one that is called "a,b".
 * @returns undefined where no user is named, or a value is not UTF-8
 */
export function readRemoteUser(rawHeaders: readonly string[], trust: FrontProxyTrust): User | undefined {
  const fields = remoteFields(rawHeaders, trust);
  if (fields === undefined) return undefined;
  const first = (names: readonly string[]): string =>
    names.map((name) => fields.find(([one]) => one === name)?.[1] ?? '').find((value) => value !== '') ?? '';
  const name = first(trust.usernameHeaders);
  if (name === '') return undefined;
  const uid = first(trust.uidHeaders);
  const groups = trust.groupHeaders.flatMap((header) =>
    fields.filter(([one, value]) => one === header && value !== '').map(([, value]) => value),
  );
  return { name, ...(uid !== '' && { uid }), groups, extra: readExtra(fields, trust.extraHeaderPrefixes) };
}

/** Whether a request carries what only a front proxy may say. */
export function hasRemoteHeaders(rawHeaders: readonly string[], trust: FrontProxyTrust | undefined): boolean {
  return rawHeaders.some(
    (name, i) =>
      i % 2 === 0 && (REMOTE_HEADER.test(name) || trust?.usernameHeaders.includes(name.toLowerCase()) === true),
  );
}

/** The fields that the trust is about. */
function remoteFields(rawHeaders: readonly string[], trust: FrontProxyTrust): Fields | undefined {
  if (rawHeaders.length > 2 * MAX_FIELDS) return undefined;
  const exact = new Set([...trust.usernameHeaders, ...trust.uidHeaders, ...trust.groupHeaders]);
  const fields: [string, string][] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? '';
    if (!exact.has(name) && !trust.extraHeaderPrefixes.some((prefix) => name.startsWith(prefix))) continue;
    const value = decodeValue(rawHeaders[i + 1] ?? '');
    if (value === undefined) return undefined;
    fields.push([name, value]);
  }
  return fields;
}

/** Node hands bytes of a header over as latin1. Two names that are not UTF-8 must not become the same one. */
function decodeValue(value: string): string | undefined {
  const bytes = Buffer.from(value, 'latin1');
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined;
}

function readExtra(fields: Fields, prefixes: readonly string[]): User['extra'] {
  const extra = new Map<string, string[]>();
  for (const prefix of prefixes) {
    for (const [name, value] of fields) {
      if (!name.startsWith(prefix)) continue;
      const key = decodeKey(name.slice(prefix.length));
      extra.set(key, [...(extra.get(key) ?? []), value]);
    }
  }
  return Object.fromEntries(extra);
}

/** A key that does not decode is kept as it is (url.PathUnescape failing, there). */
function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch (error) {
    if (error instanceof URIError) return key;
    throw error;
  }
}
