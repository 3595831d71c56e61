import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { errorMessage } from '../../runtime/logger.js';
import { StartError } from '../../runtime/start-error.js';

/** For everybody to read: it is what clients trust, and no secret. */
const MODE = 0o644;

/**
 * Writes what clients have to trust. Nobody ever reads half of it: it is written beside the file and renamed over it.
 * @throws {StartError} when it cannot be written
 */
export async function writeCaFile(file: string, ca: string): Promise<void> {
  const beside = `${file}.new`;
  try {
    await writeFile(beside, ca.endsWith('\n') ? ca : `${ca}\n`);
    await chmod(beside, MODE); // whatever the umask
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw new StartError(`--write-ca-file: ${errorMessage(error)}`, { cause: error });
  }
}
