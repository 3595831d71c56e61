import { errorMessage } from '../../runtime/logger.js';
import { StartError } from '../../runtime/start-error.js';
import type { ProcFs } from './fs.js';

/**
 * Which start of the machine this is. Also the proof that there is a procfs, and that it can be read.
 * @throws {StartError}
 */
export function readBootId(procfs: ProcFs, root: string): string {
  try {
    procfs.pids();
    return procfs.read('sys/kernel/random/boot_id').trim();
  } catch (error) {
    throw new StartError(`--path.procfs ${root}: cannot be read: ${errorMessage(error)}`, { cause: error });
  }
}
