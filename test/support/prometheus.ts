import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './bundle.js';

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A real Prometheus, scraping. */
export interface Prometheus {
  /**
   * @param atSeconds when it is evaluated, now where it is left out
   * @throws {Error} with what Prometheus says is wrong with the query
   */
  query(expression: string, atSeconds?: number): Promise<Series[]>;
  close(): Promise<void>;
}

interface Answer {
  readonly error?: string;
  readonly data?: {
    readonly result: readonly { readonly metric: Record<string, string>; readonly value: [number, string] }[];
  };
}

/**
 * @param config prometheus.yml
 * @param files that it names, in the directory it is in
 * @param prepare is handed that directory before it starts; its data are in `data` there
 */
export async function startPrometheus(
  config: string,
  files: Readonly<Record<string, string>> = {},
  prepare?: (directory: string) => Promise<void>,
): Promise<Prometheus> {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-prometheus-'));
  for (const [name, text] of Object.entries({ ...files, 'prometheus.yml': config })) {
    await writeFile(join(directory, name), text);
  }
  await prepare?.(directory);
  const address = `127.0.0.1:${await freePort()}`;
  const program = run('prometheus', [
    `--config.file=${directory}/prometheus.yml`,
    `--storage.tsdb.path=${directory}/data`,
    `--web.listen-address=${address}`,
  ]);
  return {
    query: async (expression, atSeconds) => {
      const at = atSeconds === undefined ? '' : `&time=${atSeconds}`;
      let response: Response;
      try {
        response = await fetch(`http://${address}/api/v1/query?query=${encodeURIComponent(expression)}${at}`);
      } catch (failure) {
        if (failure instanceof TypeError && program.child.exitCode === null) return []; // not up yet
        throw new Error(program.error(), { cause: failure });
      }
      if (response.status === 503) return []; // up, and not ready yet
      const answer = (await response.json()) as Answer;
      if (answer.data === undefined) throw new Error(answer.error);
      return answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
    close: async () => {
      program.child.kill('SIGTERM');
      await program.ended;
      await rm(directory, { recursive: true });
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
