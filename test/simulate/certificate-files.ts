import { X509Certificate } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KeyPair } from '../../apiserver/tls/key-pair.js';
import { createAuthority, createLeaf } from '../../apiserver/tls/self-made.js';

const HOSTS = ['127.0.0.1'];
/** Between the files of a pair: who looks now sees two that do not belong together. */
const GAP_MS = 300;

/** A server's certificate in files, which can be replaced by another one of the same authority. */
export class CertificateFiles {
  readonly #directory: string;
  readonly #authority: KeyPair;

  private constructor(directory: string, authority: KeyPair) {
    this.#directory = directory;
    this.#authority = authority;
  }

  static async create(): Promise<CertificateFiles> {
    const directory = await mkdtemp(join(tmpdir(), 'podnet-tls-'));
    const files = new CertificateFiles(directory, await createAuthority(Date.now()));
    await files.replace();
    return files;
  }

  /** PEM of the authority. */
  get ca(): string {
    return this.#authority.cert;
  }

  get flags(): string[] {
    return ['--tls-cert-file', this.#path('tls.crt'), '--tls-private-key-file', this.#path('tls.key')];
  }

  /** One file after the other. @returns the fingerprint of what is to be presented from now on */
  async replace(): Promise<string> {
    const { cert, key } = await createLeaf(this.#authority, HOSTS, Date.now());
    await this.#write('tls.key', key);
    await delay(GAP_MS);
    await this.#write('tls.crt', cert);
    return new X509Certificate(cert).fingerprint256;
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true });
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  /** Whole or not at all. */
  async #write(name: string, text: string): Promise<void> {
    await writeFile(this.#path(`${name}.next`), text);
    await rename(this.#path(`${name}.next`), this.#path(name));
  }
}
