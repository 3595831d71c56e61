import { X509Certificate } from 'node:crypto';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/logger.js';
import { RereadFile } from './reread-file.js';

/** Where the manifests mount the projected token. */
export const DEFAULT_TOKEN_FILE = '/var/run/secrets/podnet/token';

/** What the server takes (apiserver, agent tokens). */
const MAX_TOKEN_BYTES = 16_384;
const MAX_CA_BYTES = 1_048_576;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** What a push needs besides the report: whom to trust, and who we are. Both may change at any time. */
export interface Credentials {
  /**
   * PEM; undefined: the system's authorities.
   * @throws {TypeError} when they are to be in a file that cannot be used: it is not for the system's to stand in for them
   */
  readonly ca: () => Promise<string | undefined>;
  /** Undefined: none is sent. */
  readonly token: () => Promise<string | undefined>;
  /** A server did not accept the token: it is read again before the next push. */
  readonly doubtToken: () => void;
}

export interface CredentialFiles {
  readonly serverCaFile: string | undefined;
  readonly tokenFile: string | undefined;
}

export interface CredentialsDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly onRead: (file: 'token' | 'server-ca', isReadable: boolean) => void;
  /** Trusted instead of the file, PEM. */
  readonly serverCa?: string | undefined;
}

export function createCredentials(files: CredentialFiles, deps: CredentialsDeps): Credentials {
  const { clock, log, onRead, serverCa } = deps;
  const create = (name: 'token' | 'server-ca', path: string, parse: (text: string) => string): RereadFile =>
    new RereadFile({
      ...{ path, parse, log, flag: `--${name}-file` },
      maxBytes: name === 'token' ? MAX_TOKEN_BYTES : MAX_CA_BYTES,
      without: name === 'token' ? 'no token is sent' : 'nothing is pushed until whom to trust is known',
      onRead: (isReadable) => onRead(name, isReadable),
      monotonicMs: () => clock.monotonicMs(),
    });
  const token = files.tokenFile === undefined ? undefined : create('token', files.tokenFile, parseToken);
  const ca =
    files.serverCaFile === undefined || serverCa !== undefined
      ? undefined
      : create('server-ca', files.serverCaFile, parseCertificates);
  return {
    ca: async () => {
      const read = serverCa ?? (await ca?.current());
      if (read === undefined && ca !== undefined)
        throw new TypeError(`--server-ca-file ${String(files.serverCaFile)}: ${ca.problem}`);
      return read;
    },
    token: async () => token?.current(),
    doubtToken: () => token?.invalidate(),
  };
}

/** RFC 6750, "b64token": anything else would break the header that it goes into. */
function parseToken(text: string): string {
  const token = text.trim();
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) throw new TypeError('does not hold a token');
  return token;
}

/** A bundle without a certificate would trust nobody, and one that is half written the wrong ones. */
function parseCertificates(text: string): string {
  const certificates = text.match(CERTIFICATE) ?? [];
  const begun = text.split('-----BEGIN CERTIFICATE-----').length - 1;
  if (certificates.length === 0) throw new TypeError('holds no certificate in PEM');
  if (certificates.length !== begun) throw new TypeError('holds a certificate without its end');
  for (const certificate of certificates) new X509Certificate(certificate);
  return text;
}
