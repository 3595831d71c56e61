import { createHash } from 'node:crypto';
import { watch, type FSWatcher } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorMessage } from '../../runtime/logger.js';
import { Repeating } from '../../runtime/repeating.js';
import { StartError } from '../../runtime/start-error.js';
import { checkKeyPair, KeyPairError, uncoveredHosts, validityOf, type KeyPair } from './key-pair.js';
import { CurrentCertificate, type CertificateDeps, type ServingCertificate } from './serving-certificate.js';

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** What clients will ask for; missing ones are warned of. */
  readonly hosts?: readonly string[];
}

/** A directory whose changes cannot be watched (a network file system, no watches left) is looked at this often. */
const POLL_MS = 60_000;
/** Two files are written one after the other; what does not fit together is looked at again, ever more rarely. */
const FIRST_RETRY_MS = 200;
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Serves with a certificate in files, and with the new one when they change. What cannot be used is refused, and the old one kept.
 * @throws {StartError} when the files cannot be used at the start
 */
export async function startFileCertificate(
  files: CertificateFiles,
  deps: CertificateDeps,
): Promise<ServingCertificate> {
  const first = await readFirst(files);
  const current = new CurrentCertificate({ pair: first, caBundle: first.cert, isReady: true }, deps);
  warnOfFlaws(first, files, deps);
  const follower = new FileFollower(files, current, deps);
  const repeating = new Repeating(() => follower.look());
  const watchers = watchDirectories(files, { ...deps, wake: () => repeating.wake() });
  repeating.start(); // at once: the files may have changed before they were watched
  return current.serve(async () => {
    for (const watcher of watchers) watcher.close();
    await repeating.close();
  });
}

async function readFirst({ certFile, keyFile }: CertificateFiles): Promise<KeyPair> {
  const [cert, key] = await Promise.all([
    readOrFail('--tls-cert-file', certFile),
    readOrFail('--tls-private-key-file', keyFile),
  ]);
  try {
    checkKeyPair({ cert, key });
  } catch (error) {
    const message = `--tls-cert-file ${certFile}: not usable with its key: ${reasonOf(error)}`;
    throw new StartError(message, { cause: error });
  }
  return { cert, key };
}

async function readOrFail(flag: string, file: string): Promise<string> {
  try {
    return await readText(file);
  } catch (error) {
    throw new StartError(`${flag}: ${errorMessage(error)}`, { cause: error });
  }
}

/** Our own errors say it all without their code. */
function reasonOf(error: unknown): string {
  return error instanceof KeyPairError ? error.message : errorMessage(error);
}

async function readText(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_FILE_BYTES + 1), 0, MAX_FILE_BYTES + 1, 0);
    if (bytesRead > MAX_FILE_BYTES) throw new KeyPairError(`${file} is larger than ${MAX_FILE_BYTES} bytes`);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

function warnOfFlaws({ cert, key }: KeyPair, { certFile, hosts = [] }: CertificateFiles, deps: CertificateDeps): void {
  const certificate = checkKeyPair({ cert, key });
  const { untilMs } = validityOf(certificate);
  if (deps.clock.wallMs() >= untilMs) {
    deps.log.warn({ file: certFile, validTo: certificate.validTo }, 'the certificate has expired');
  }
  const missing = uncoveredHosts(certificate, hosts);
  if (missing.length > 0)
    deps.log.warn({ file: certFile, missing }, 'the certificate lacks names that clients ask for');
}

/**
 * Directories, not files: a kubelet replaces the link `..data` beside them, others rename a new file over the old one, and either way
 * the file that was watched is another one.
 */
function watchDirectories(
  { certFile, keyFile }: CertificateFiles,
  { log, wake }: CertificateDeps & { readonly wake: () => void },
): FSWatcher[] {
  const directories = new Set([dirname(certFile), dirname(keyFile)]);
  return [...directories].flatMap((directory) => {
    const isPolled = (error: unknown): void =>
      log.warn({ directory, problem: errorMessage(error) }, `not watched, looked at every ${POLL_MS / 1_000} s`);
    try {
      return [watch(directory, { persistent: false }, wake).on('error', isPolled)];
    } catch (error) {
      isPolled(error);
      return [];
    }
  });
}

/** Looks at the files, and tells of what it finds once. */
class FileFollower {
  readonly #files: CertificateFiles;
  readonly #current: CurrentCertificate;
  readonly #deps: CertificateDeps;
  #retryMs = FIRST_RETRY_MS;
  /** What was found unusable the last time, and since when; told when it stays so. */
  #suspect = '';
  #suspectSinceMs = 0;
  #refused = '';

  constructor(files: CertificateFiles, current: CurrentCertificate, deps: CertificateDeps) {
    this.#files = files;
    this.#current = current;
    this.#deps = deps;
  }

  /** @returns when to look again, milliseconds */
  async look(): Promise<number> {
    let content = '';
    try {
      const [cert, key] = await Promise.all([readText(this.#files.certFile), readText(this.#files.keyFile)]);
      content = createHash('sha256').update(`${cert}\0${key}`).digest('hex');
      this.#use({ cert, key });
      this.#retryMs = FIRST_RETRY_MS;
      this.#suspect = this.#refused = '';
      return POLL_MS;
    } catch (error) {
      return this.#refuse(`${reasonOf(error)} ${content}`, reasonOf(error));
    }
  }

  #use(pair: KeyPair): void {
    const { pair: old } = this.#current.state;
    if (pair.cert === old.cert && pair.key === old.key) return;
    const certificate = checkKeyPair(pair);
    if (this.#deps.clock.wallMs() >= validityOf(certificate).untilMs) {
      throw new KeyPairError(`the certificate expired on ${certificate.validTo}`);
    }
    this.#current.replace({ pair, caBundle: pair.cert, isReady: true });
    warnOfFlaws(pair, this.#files, this.#deps);
  }

  /** @returns when to look again, milliseconds */
  #refuse(state: string, problem: string): number {
    const nowMs = this.#deps.clock.monotonicMs();
    if (state !== this.#suspect) {
      this.#suspect = state;
      this.#suspectSinceMs = nowMs;
      this.#retryMs = FIRST_RETRY_MS;
    }
    const restMs = this.#suspectSinceMs + FIRST_RETRY_MS - nowMs;
    if (restMs > 0) return Math.ceil(restMs); // perhaps half written
    if (state !== this.#refused) this.#tell(problem);
    this.#refused = state;
    this.#retryMs = Math.min(POLL_MS, this.#retryMs * 2);
    return this.#retryMs;
  }

  #tell(problem: string): void {
    this.#deps.metrics.loads.inc({ result: 'refused' });
    const { certFile, keyFile } = this.#files;
    this.#deps.log.error({ certFile, keyFile, problem }, 'the changed certificate is refused, the old one kept');
  }
}
