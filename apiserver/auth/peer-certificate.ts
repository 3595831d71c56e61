import type { X509Certificate } from 'node:crypto';
import type { Clock } from '../../runtime/clock.js';
import { CertificateError, readCertificate, type Certificate } from './certificate.js';
import {
  MAX_SIGNATURE_CHECKS,
  verifyChain,
  type Authorities,
  type SignatureBudget,
  type Verification,
} from './certificate-chain.js';

/** What a TLS socket offers, and HTTP/2's stand-in for one. */
export interface PeerSocket {
  getPeerX509Certificate(): X509Certificate | undefined;
}

/** Go clients send two or three; each costs parsing. */
const MAX_INTERMEDIATES = 8;
/** A refusal that time alone may outdate (not yet valid) is looked at again, but not for every request of a connection. */
const RETRY_REFUSED_MS = 10_000;
/** New bundles give a connection new signature checks, no sooner than this after the last ones. */
const RENEW_BUDGET_MS = 10_000;

/**
 * The TLS socket beneath a request of HTTP/1.1 or HTTP/2. Undefined where there is none any more, and for requests made without one.
 */
export function peerSocketOf(raw: object): PeerSocket | undefined {
  try {
    const session = 'stream' in raw ? property(raw.stream, 'session') : undefined;
    const socket = session === undefined || session === null ? property(raw, 'socket') : property(session, 'socket');
    return isPeerSocket(socket) ? socket : undefined;
  } catch (error) {
    // A session that is gone throws ERR_HTTP2_SOCKET_UNBOUND for its socket.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (Reflect.get(value, name) as unknown) : undefined;
}

function isPeerSocket(value: unknown): value is PeerSocket {
  return typeof property(value, 'getPeerX509Certificate') === 'function';
}

/** A certificate that a peer presented and proved to have the key of. */
export interface PresentedCertificate {
  /** Undefined where it cannot be read. */
  readonly leaf: Certificate | undefined;
  /** Whether it leads to a bundle, which is looked up by object: another configuration has other objects. */
  verify(authorities: Authorities): Verification;
}

interface Remembered {
  readonly presented: PresentedCertificate;
  readonly fingerprint: string;
}

/**
 * Certificates by socket: parsed and verified once for a connection and a bundle, until the path expires or, where a date was what
 * refused it, for a while. The leaf is fetched anew each
 * time: TLS 1.2 can renegotiate another one.
 */
export class PeerCertificates {
  readonly #clock: Clock;
  readonly #bySocket = new WeakMap<PeerSocket, Remembered>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined where the peer showed none. */
  of(socket: PeerSocket | undefined): PresentedCertificate | undefined {
    const x509 = socket?.getPeerX509Certificate();
    if (socket === undefined || x509 === undefined) return undefined;
    const fingerprint = x509.fingerprint256;
    const known = this.#bySocket.get(socket);
    if (known?.fingerprint === fingerprint) return known.presented;
    const presented = present(x509, this.#clock);
    this.#bySocket.set(socket, { presented, fingerprint });
    return presented;
  }
}

function present(x509: X509Certificate, clock: Clock): PresentedCertificate {
  const leaf = tryRead(x509);
  if (leaf === undefined) {
    return { leaf, verify: () => ({ ok: false, problem: 'the certificate cannot be read', dependsOnTime: false }) };
  }
  const candidate = { leaf, intermediates: intermediatesOf(x509) };
  const results = new WeakMap<Authorities, { readonly result: Verification; readonly atMs: number }>();
  let budget: SignatureBudget = { left: MAX_SIGNATURE_CHECKS };
  let renewedMs = clock.monotonicMs();
  return {
    leaf,
    verify: (authorities) => {
      const wallMs = clock.wallMs();
      const known = results.get(authorities);
      if (known !== undefined && holds(known, wallMs)) return known.result;
      if (known === undefined && clock.monotonicMs() - renewedMs >= RENEW_BUDGET_MS) {
        budget = { left: MAX_SIGNATURE_CHECKS };
        renewedMs = clock.monotonicMs();
      }
      const result = verifyChain(candidate, authorities, wallMs, budget);
      results.set(authorities, { result, atMs: wallMs });
      return result;
    },
  };
}

function holds({ result, atMs }: { readonly result: Verification; readonly atMs: number }, wallMs: number): boolean {
  if (!result.ok) return !result.dependsOnTime || Math.abs(wallMs - atMs) < RETRY_REFUSED_MS;
  return result.notBeforeMs <= wallMs && wallMs <= result.notAfterMs;
}

/** As the peer sent them; a resumed session has none. */
function intermediatesOf(leaf: X509Certificate): Certificate[] {
  const found: Certificate[] = [];
  let next = leaf.issuerCertificate;
  for (let i = 0; i < MAX_INTERMEDIATES && next !== undefined; i++) {
    const certificate = tryRead(next);
    if (certificate !== undefined) found.push(certificate);
    next = next.issuerCertificate;
  }
  return found;
}

function tryRead(x509: X509Certificate): Certificate | undefined {
  try {
    return readCertificate(x509);
  } catch (error) {
    if (error instanceof CertificateError) return undefined;
    throw error;
  }
}
