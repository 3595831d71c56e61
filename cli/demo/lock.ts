import { once } from 'node:events';
import { createServer } from 'node:net';
import { StartError } from '../../runtime/start-error.js';

/**
 * An abstract socket: the kernel knows its name in this network namespace alone, where the links of the demo are, and takes it back
 * however the process ends.
 */
const LOCK = '\0podnet-demo';

/**
 * One demo at a time: each begins by removing what it finds of another.
 * @throws {StartError} when one is running
 */
export async function lockDemo(): Promise<{ release(): Promise<void> }> {
  const server = createServer((caller) => caller.destroy()).unref();
  const listening = once(server, 'listening');
  server.listen({ path: LOCK });
  try {
    await listening;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    throw new StartError('another one is running on this machine: end it first', { cause: error });
  }
  return {
    release: async () => {
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
