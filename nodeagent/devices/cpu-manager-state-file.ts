import { closeSync, constants, fstatSync, openSync, readSync, statSync, type Stats } from 'node:fs';
import { errorMessage } from '../../runtime/logger.js';
import { codeOf } from '../cgroupfs/errors.js';
import type { SourceOff, SourceStates } from '../source-states.js';
import { parseCpuManagerState, type CpuManagerState } from './cpu-manager-state.js';

export interface CpuManagerStateFileDeps {
  readonly path: string;
  readonly states: Pick<SourceStates, 'up' | 'off'>;
}

/** Some ten thousand containers with CPUs of their own. */
const MAX_BYTES = 1024 * 1024;
/** File systems exist whose times do not move. */
const REREAD_MS = 60_000;
const SOURCE = 'cpu-manager-state';
/** A FIFO that somebody put in the place of the file is not waited for. */
const TO_READ = constants.O_RDONLY | constants.O_NONBLOCK;
const REPLACED =
  'the kubelet has replaced it since it was mounted, and what is mounted does not change any more: mount its directory instead';

const OFF: Readonly<Record<string, SourceOff>> = {
  ENOENT: 'not_found',
  ENOTDIR: 'not_found',
  EACCES: 'not_permitted',
  EPERM: 'not_permitted',
};

/**
 * The checkpoint of the CPU manager, which the kubelet replaces whenever a container gets or loses CPUs. It is read when it is another one,
 * and once a minute anyway. What was read before is not gone on with once it cannot be read: CPUs change hands.
 */
export class CpuManagerStateFile {
  readonly #deps: CpuManagerStateFileDeps;
  #state: CpuManagerState | undefined;
  #version = '';
  #readMs = -Infinity;

  constructor(deps: CpuManagerStateFileDeps) {
    this.#deps = deps;
  }

  /** Undefined where nobody can tell. @param nowMs monotonic */
  current(nowMs: number): CpuManagerState | undefined {
    const { path, states } = this.#deps;
    try {
      const stats = statSync(path);
      const version = `${stats.ino} ${stats.mtimeMs} ${stats.size} ${stats.nlink}`;
      if (version === this.#version && nowMs - this.#readMs < REREAD_MS) return this.#state;
      this.#state = parseCpuManagerState(readWhole(path));
      this.#version = version;
      this.#readMs = nowMs;
      if (this.#state === undefined) states.off(SOURCE, 'failed', `${path}: not a checkpoint of a known version`);
      else states.up(SOURCE);
    } catch (error) {
      this.#state = undefined;
      this.#version = '';
      states.off(SOURCE, OFF[codeOf(error)] ?? 'failed', errorMessage(error));
    }
    return this.#state;
  }
}

function readWhole(path: string): string {
  const file = openSync(path, TO_READ);
  try {
    const stats = fstatSync(file);
    checkReadable(path, stats);
    const buffer = Buffer.allocUnsafe(Math.min(stats.size, MAX_BYTES) + 1);
    let length = 0;
    while (length < buffer.length) {
      const read = readSync(file, buffer, length, buffer.length - length, null);
      if (read === 0) return buffer.toString('utf8', 0, length);
      length += read;
    }
    throw new RangeError(`${path}: grew while it was read`);
  } finally {
    closeSync(file);
  }
}

/** @throws {RangeError} it is not what a kubelet has left there, or not any more */
function checkReadable(path: string, stats: Stats): void {
  if (!stats.isFile()) throw new RangeError(`${path}: not a file`);
  if (stats.nlink === 0) throw new RangeError(`${path}: ${REPLACED}`);
  if (stats.size > MAX_BYTES) throw new RangeError(`${path}: larger than ${MAX_BYTES} bytes`);
}
