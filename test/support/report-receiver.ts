import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { KeyPair } from '../../apiserver/tls/key-pair.js';
import { createSelfSignedCertificate } from '../../apiserver/tls/self-made.js';
import type { Readings } from './counter-differences.js';
import type { NodeReport } from '../../openapi/node-report.js';
import { NODE_REPORTS_PATH, NODE_REPORT_VERSION } from '../../openapi/report-terms.js';

/** Counters of one interface in one sample. */
export interface Sighting {
  readonly uid: string;
  readonly interfaceName: string;
  readonly identity: string;
  readonly sequence: number;
  readonly reading: readonly (number | null)[];
}

/** Stands for an apiserver to an agent: takes every report, and keeps what it says. */
export class ReportReceiver {
  readonly #server: Server;
  readonly #directory: string;
  readonly #historyMs: number;
  readonly reports: NodeReport[] = [];

  private constructor(
    server: Server,
    /** PEM. */
    readonly ca: string,
    { directory, historyMs }: { readonly directory: string; readonly historyMs: number },
  ) {
    this.#server = server;
    this.#directory = directory;
    this.#historyMs = historyMs;
  }

  /**
   * @param historyMs how far back it says that it wants samples
   * @param certificate that it shows, in place of one that is its own authority
   */
  static async start(historyMs = 60_000, certificate?: KeyPair): Promise<ReportReceiver> {
    const pair = certificate ?? (await createSelfSignedCertificate(['127.0.0.1'], Date.now()));
    const directory = await mkdtemp(join(tmpdir(), 'podnet-receiver-'));
    await writeFile(join(directory, 'ca.crt'), pair.cert);
    const server = createServer(pair);
    const receiver = new ReportReceiver(server, pair.cert, { directory, historyMs });
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      receiver.#take(request).then(
        (answer) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer)),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `https://127.0.0.1:${port}`;
  }

  /** Of the agent. */
  get flags(): string[] {
    return ['--server', this.url, '--server-ca-file', this.caFile];
  }

  get caFile(): string {
    return join(this.#directory, 'ca.crt');
  }

  get newest(): NodeReport | undefined {
    return this.reports.at(-1);
  }

  /** Counters of the newest sample by uid and interface; null where that sample has none. */
  newestReadings(): Readings {
    const { pods = [], samples = [] } = this.newest ?? {};
    return new Map(
      pods.map(({ uid, interfaces = [] }) => [
        uid,
        new Map(interfaces.map(({ name, readings }) => [name, readings[samples.length - 1] ?? null])),
      ]),
    );
  }

  /** All that was ever said, in the order of the samples. */
  sightings(): Sighting[] {
    const all = this.reports.flatMap(({ pods, samples }) =>
      pods.flatMap(({ uid, interfaces = [] }) =>
        interfaces.flatMap(({ name: interfaceName, identity, readings }) =>
          readings.flatMap((reading, i) =>
            reading === null ? [] : [{ uid, interfaceName, identity, reading, sequence: samples[i]?.sequence ?? 0 }],
          ),
        ),
      ),
    );
    return all.sort((a, b) => a.sequence - b.sequence);
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await rm(this.#directory, { recursive: true });
  }

  async #take(request: IncomingMessage): Promise<object> {
    if (request.method !== 'POST' || request.url !== NODE_REPORTS_PATH)
      throw new TypeError(`${request.url} is not here`);
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const report = JSON.parse(gunzipSync(Buffer.concat(chunks)).toString('utf8')) as NodeReport;
    this.reports.push(report);
    const lastSequence = report.sequence;
    return {
      ...{ apiVersion: NODE_REPORT_VERSION, kind: 'NodeReportAnswer', lastSequence, historyMs: this.#historyMs },
      ...{ rejected: [], rejectedCount: 0 },
    };
  }
}
