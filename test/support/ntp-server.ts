import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, type Run } from './bundle.js';
import { missing } from './requirements.js';

/** The reason to skip a test that needs one, or false. chronyd runs as root alone. */
export const ntpServerMissing = (): string | false => missing('root', 'chronyd');

export interface NtpServerOptions {
  /** 1 to 15; undefined: it has no time, and says so. */
  readonly stratum?: number | undefined;
  /** One of each family; loopback unless said otherwise. */
  readonly addresses?: readonly string[];
  /** A free one unless said otherwise; in a network namespace that is not looked for: 123. */
  readonly port?: number;
  /** Name of the network namespace to run in. */
  readonly netns?: string;
}

/** chronyd of Debian, telling this machine's time and leaving that alone. */
export interface NtpServer {
  readonly port: number;
  /** Its socket stays, and nobody answers. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/** Resolves when it has bound its sockets. @throws {Error} with what it printed when it ends */
export async function startNtpServer(options: NtpServerOptions = {}): Promise<NtpServer> {
  const { stratum, addresses = ['127.0.0.1', '::1'], netns } = options;
  const port = options.port ?? (netns === undefined ? await freeUdpPort() : 123);
  const directory = await mkdtemp(join(tmpdir(), 'podnet-chronyd-'));
  const file = join(directory, 'chrony.conf');
  const lines = [
    ...addresses.map((address) => `bindaddress ${address}`),
    ...[`port ${port}`, 'cmdport 0', 'bindcmdaddress /', 'allow all', `pidfile ${directory}/chronyd.pid`],
    ...(stratum === undefined ? [] : [`local stratum ${stratum}`]),
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  const command = ['chronyd', '-x', '-d', '-u', 'root', '-f', file]; // -x: it never sets the clock; -d: in the foreground
  const program =
    netns === undefined ? run('chronyd', command.slice(1)) : run('ip', ['netns', 'exec', netns, ...command]);
  const { child } = program;
  const stop = async (): Promise<void> => {
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    await program.ended;
    await rm(directory, { recursive: true, force: true });
  };
  await Promise.race([started(program), program.ended]);
  if (child.exitCode !== null || child.signalCode !== null) {
    await stop();
    throw new Error(`chronyd ended: ${program.out()}${program.error()}`);
  }
  return { port, freeze: () => child.kill('SIGSTOP'), thaw: () => child.kill('SIGCONT'), stop };
}

/** Its other lines come before its sockets are bound. */
async function started(program: Run): Promise<void> {
  const { child } = program;
  while (!`${program.out()}${program.error()}`.includes('Running with root privileges')) {
    await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data')]);
  }
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp6').bind(0, '::');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}
