import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { run, type Run } from '../support/bundle.js';
import { fetchText } from '../support/programs.js';
import { freePort } from '../support/prometheus.js';

export interface ServerProcessOptions {
  /** The bundle that is shipped. */
  readonly file: string;
  /** What a client has to trust, PEM. */
  readonly ca: string;
  readonly flags: readonly string[];
  /** Open files it may have. */
  readonly descriptors?: number;
}

const PATIENCE_MS = 30_000;

/** An apiserver in a process of its own, always on the same port, that is killed, stopped and started again. */
export class ServerProcess {
  #run: Run | undefined;

  private constructor(
    readonly port: number,
    readonly options: ServerProcessOptions,
  ) {}

  static async start(options: ServerProcessOptions): Promise<ServerProcess> {
    const server = new ServerProcess(await freePort(), options);
    await server.start();
    return server;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  get ca(): string {
    return this.options.ca;
  }

  get pid(): number {
    const pid = this.#run?.child.pid;
    if (pid === undefined) throw new TypeError('the server is not running');
    return pid;
  }

  /** Until it answers. */
  async start(): Promise<void> {
    const { file, flags, descriptors } = this.options;
    const args = [file, 'apiserver', '--standalone', '--secure-port', String(this.port), ...flags];
    const limit = descriptors === undefined ? [] : ['prlimit', `--nofile=${descriptors}:${descriptors}`];
    const [command = process.execPath, ...rest] = [...limit, process.execPath, ...args];
    this.#run = run(command, rest);
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await this.#answers())) {
      if (Date.now() > deadline) throw new Error(`the server does not answer: ${this.#run.error()}`);
      await delay(20);
    }
  }

  /** @returns how it ended */
  async end(signal: NodeJS.Signals): Promise<number | string | undefined> {
    this.signal(signal);
    const ended = await this.#run?.ended;
    this.#run = undefined;
    return ended;
  }

  signal(signal: NodeJS.Signals): void {
    this.#run?.child.kill(signal);
  }

  /** What it has logged. */
  log(): string {
    return this.#run?.error() ?? '';
  }

  async #answers(): Promise<boolean> {
    try {
      return (await fetchText(this, '/livez')).statusCode === 200;
    } catch {
      return false;
    }
  }
}
