import { X509Certificate } from 'node:crypto';
import { generate } from 'selfsigned';

/** A certificate with its key, PEM; `chain` is what a peer presents: itself and the intermediates above it. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
  readonly chain: string;
}

export interface CertificateOptions {
  readonly commonName?: string;
  readonly organizations?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** What it is for; null: it does not say. */
  readonly usage?: 'client' | 'server' | null;
  readonly pathLength?: number;
  /** Whether it says what its key may do; a leaf's may not sign certificates. */
  readonly hasKeyUsage?: boolean;
  readonly algorithm?: 'sha1' | 'sha256';
  readonly issuer?: Issued;
}

const HOUR_MS = 3_600_000;

/** A root without an issuer, an intermediate with one. */
export function createAuthority(commonName: string, options: CertificateOptions = {}): Promise<Issued> {
  const { pathLength } = options;
  return issue({ commonName, usage: null, ...options }, [
    {
      name: 'basicConstraints',
      cA: true,
      critical: true,
      ...(pathLength !== undefined && { pathLenConstraint: pathLength }),
    },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
  ]);
}

/** A certificate for a client, unless the options say otherwise. */
export function createLeaf(issuer: Issued, commonName: string, options: CertificateOptions = {}): Promise<Issued> {
  const keyUsage = { name: 'keyUsage', digitalSignature: true, critical: true } as const;
  return issue({ commonName, usage: 'client', issuer, ...options }, options.hasKeyUsage === false ? [] : [keyUsage]);
}

type Extensions = NonNullable<NonNullable<Parameters<typeof generate>[1]>['extensions']>;

async function issue(options: CertificateOptions, extensions: Extensions): Promise<Issued> {
  const { commonName, organizations = [], usage = 'client', issuer, algorithm = 'sha256' } = options;
  const { notBefore = new Date(Date.now() - HOUR_MS), notAfter = new Date(Date.now() + 24 * HOUR_MS) } = options;
  const usages: Extensions =
    usage === null ? [] : [{ name: 'extKeyUsage', clientAuth: usage === 'client', serverAuth: usage === 'server' }];
  const subject = [
    ...organizations.map((value) => ({ name: 'organizationName', value: escapeName(value) })),
    ...(commonName === undefined || commonName === '' ? [] : [{ name: 'commonName', value: escapeName(commonName) }]),
  ];
  const pems = await generate(subject, {
    ...{ keyType: 'ec', curve: 'P-256', algorithm, notBeforeDate: notBefore, notAfterDate: notAfter },
    extensions: [...extensions, ...usages],
    ...(issuer !== undefined && { ca: { cert: issuer.cert, key: issuer.key } }),
  });
  const cert = `${pems.cert.trim()}\n`;
  const isRoot = issuer === undefined || new X509Certificate(issuer.cert).checkIssued(new X509Certificate(issuer.cert));
  return { cert, key: pems.private, chain: isRoot ? cert : `${cert}${issuer.chain}` };
}

/** RFC 4514. */
function escapeName(text: string): string {
  return text.replaceAll(/([\\,+"<>;=])/g, '\\$1');
}

/** `data` of the ConfigMap, as a cluster has it. */
export function authenticationData(
  frontProxy: string,
  clientCa: string,
  allowedNames = ['front-proxy-client'],
): Record<string, string> {
  return {
    'client-ca-file': clientCa,
    'requestheader-client-ca-file': frontProxy,
    'requestheader-allowed-names': JSON.stringify(allowedNames),
    'requestheader-username-headers': '["X-Remote-User"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    'requestheader-uid-headers': '["X-Remote-Uid"]',
  };
}
