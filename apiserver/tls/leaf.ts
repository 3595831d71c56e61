import { X509Certificate } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { fingerprint, validityOf, type KeyPair } from './key-pair.js';
import { createLeaf } from './self-made.js';

/** The Service in front of the apiserver. */
export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

const LOOPBACK = ['localhost', '127.0.0.1', '::1'];
/** Of its life, after which a leaf is renewed: cert-manager and the kubelet do so too. */
const RENEWED_AFTER = 2 / 3;

/**
 * What a certificate of a replica has to be good for: the names of its Service (kube-apiserver asks for `<name>.<namespace>.svc`),
 * loopback, and addresses of its own, by which agents reach it.
 */
export function servingHosts({ namespace, name }: ServiceName, addresses: readonly string[] = []): string[] {
  const inNamespace = `${name}.${namespace}`;
  const names = [`${inNamespace}.svc`, `${inNamespace}.svc.cluster.local`, inNamespace, name];
  return [...new Set([...names, ...LOOPBACK, ...addresses.map(withoutBrackets)])];
}

function withoutBrackets(address: string): string {
  const bare = address.replace(/^\[(.*)\]$/, '$1');
  return isIPv6(bare) ? bare : address;
}

/** The certificate of one replica; it lives in memory only. */
export class Leaf {
  readonly #hosts: readonly string[];
  #pair: KeyPair | undefined;
  #signedBy = '';

  constructor(hosts: readonly string[]) {
    this.#hosts = hosts;
  }

  /** The leaf, a new one where it is time: after two thirds of its life, or when another authority signs. */
  async current(authority: KeyPair, wallMs: number): Promise<KeyPair> {
    const signer = fingerprint(authority.cert);
    if (this.#pair !== undefined && signer === this.#signedBy && !isDue(this.#pair, authority, wallMs)) {
      return this.#pair;
    }
    this.#pair = await createLeaf(authority, this.#hosts, wallMs);
    this.#signedBy = signer;
    return this.#pair;
  }
}

function isDue(leaf: KeyPair, authority: KeyPair, wallMs: number): boolean {
  const { fromMs, untilMs } = validityOf(new X509Certificate(leaf.cert));
  // A leaf that ends with its authority has nothing to gain from being renewed.
  const isBounded = untilMs >= validityOf(new X509Certificate(authority.cert)).untilMs;
  return !isBounded && wallMs >= fromMs + (untilMs - fromMs) * RENEWED_AFTER;
}
