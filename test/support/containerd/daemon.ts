import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../programs.js';
import type { Places } from './config.js';
import type { CriClient } from './cri.js';

const READY_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5_000;

/** The containerd process. Its shims, and the pods with them, outlive it. */
export class Daemon {
  readonly #places: Places;
  #process: ChildProcess | undefined;

  constructor(places: Places) {
    this.#places = places;
  }

  get log(): string {
    return join(this.#places.directory, 'containerd.log');
  }

  /** @throws {Error} when it does not take pods in time, or ends */
  async start(cri: CriClient): Promise<void> {
    const log = await open(this.log, 'a');
    const child = spawn('containerd', ['--config', this.#places.config], { stdio: ['ignore', log.fd, log.fd] });
    await once(child, 'spawn').finally(() => log.close());
    this.#process = child;
    await eventually(
      async () => {
        if (child.exitCode !== null) throw new Error(`containerd ended with ${child.exitCode}: see ${this.log}`);
        return cri.isReady().catch((error: unknown) => String(error));
      },
      (seen) => seen === true,
      READY_TIMEOUT_MS,
    );
  }

  /** Ends it as a restart of the service does, or as a crash. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    child.kill(signal);
    await ended;
    clearTimeout(impatience);
  }
}
