import { randomUUID } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import { errorMessage } from '../../runtime/logger.js';
import { StartError } from '../../runtime/start-error.js';

/** For everybody to read: it is what clients trust, and no secret. */
const MODE = 0o644;

/**
 * Writes what clients have to trust. Nobody ever reads half of it: it is written beside the file, under a name that nobody can have made a link of
 * before, and renamed over it.
 * @throws {StartError} when it cannot be written
 */
export async function writeCaFile(file: string, ca: string): Promise<void> {
  const beside = `${file}.${randomUUID()}`;
  try {
    if ((await stat(file).catch(() => undefined))?.isFile() === false) throw new Error(`${file} is no regular file`);
    const handle = await open(beside, 'wx', MODE);
    try {
      await handle.writeFile(ca.endsWith('\n') ? ca : `${ca}\n`);
      await handle.chmod(MODE); // whatever the umask
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw new StartError(`--write-ca-file: ${errorMessage(error)}`, { cause: error });
  }
}
