import assert from 'node:assert/strict';
import { connect as connectHttp2 } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { SCRAPE_LIMITS } from '../../../apiserver/exposition/scrapes.js';
import { createTestServer, metricPath, type TestServer } from '../../support/app.js';
import { connectOverHttp1 } from '../../support/connections.js';
import { eventually } from '../../support/programs.js';
import { nodeReport, podReport } from '../../support/reports.js';
import { syntheticReport } from '../../bench/reports.js';

const NODES = 200;
const CLIENTS = 200;

/** Those that ask, and then take next to nothing. */
interface SlowClient {
  readonly isClosed: () => boolean;
  end(): void;
}

interface Address {
  readonly url: string;
  readonly ca: string;
}

function slowOverHttp1({ url, ca }: Address, encoding: string): SlowClient {
  const { hostname: host, port } = new URL(url);
  const socket = connect({ host, port: Number(port), ca, ALPNProtocols: ['http/1.1'] });
  let isClosed = false;
  // A byte a second; the kernel holds some megabytes for whoever reads that slowly, and the server the next of its chunks.
  const drip = setInterval(() => void socket.read(1), 1_000).unref();
  socket.on('error', () => undefined).on('close', () => (isClosed = true));
  socket.write(`GET /metrics HTTP/1.1\r\nHost: x\r\naccept-encoding: ${encoding}\r\n\r\n`);
  return {
    isClosed: () => isClosed,
    end: () => {
      clearInterval(drip);
      socket.destroy();
    },
  };
}

function slowOverHttp2({ url, ca }: Address, encoding: string): SlowClient {
  const session = connectHttp2(url, { ca });
  session.on('error', () => undefined);
  let isClosed = false;
  const stream = session.request({ ':path': '/metrics', 'accept-encoding': encoding });
  stream.pause();
  stream.on('error', () => undefined).on('close', () => (isClosed = true));
  return { isClosed: () => isClosed, end: () => session.destroy() };
}

function slowClient(address: Address, i: number): SlowClient {
  if (i % 3 === 0) return slowOverHttp1(address, 'identity');
  return slowOverHttp2(address, i % 3 === 1 ? 'gzip' : 'identity');
}

describe('those that take next to nothing', () => {
  let server: TestServer;
  let address: Address & { close(): Promise<void> };
  const clients: SlowClient[] = [];
  let second = 1;
  let wholeBytes = 0;

  const report = async (): Promise<void> => {
    second++;
    server.clock.advance(1_000);
    for (let node = 0; node < NODES; node++) {
      await server.push(syntheticReport(node, { pods: 30, interfaces: 2 }, second));
    }
    await server.push(nodeReport(second * 1_000, { node: 'asked', bootId: 'asked', pods: [podReport()] }));
  };
  const ownValue = async (sample: string): Promise<number> => {
    const { text } = await server.get('/metrics?own=only');
    const line = text.split('\n').find((one) => one.startsWith(`${sample} `));
    return Number(line?.slice(sample.length + 1) ?? NaN);
  };
  const underWay = () => ownValue('podnet_apiserver_scrapes_under_way');

  before(async () => {
    server = createTestServer();
    address = await server.listen();
    await report();
    await report();
    wholeBytes = (await server.raw('/metrics', { 'accept-encoding': 'gzip' })).raw.length;
  });
  after(async () => {
    for (const client of clients) client.end();
    await address.close();
  });

  test('two hundred at once: there is room for some, and the rest is refused', async () => {
    for (let i = 0; i < CLIENTS; i++) clients.push(slowClient(address, i));
    const refused = await eventually(
      () => ownValue('podnet_apiserver_scrapes_total{result="refused"}'),
      (count) => count === CLIENTS - SCRAPE_LIMITS.atOnce,
    );
    assert.equal(refused, CLIENTS - SCRAPE_LIMITS.atOnce);
    assert.equal(await underWay(), SCRAPE_LIMITS.atOnce);
    const held = await ownValue('podnet_apiserver_scrape_held_bytes');
    assert.ok(held > 0 && held < 1.1 * wholeBytes, `${held} bytes are held: of one moment there are ${wholeBytes}`);
  });

  test('reports go on, and what is held does not grow with them', async () => {
    const before = await ownValue('podnet_apiserver_scrape_held_bytes');
    for (let i = 0; i < 2; i++) await report();
    assert.equal(await ownValue('podnet_apiserver_scrape_held_bytes'), before);
    assert.equal(await underWay(), SCRAPE_LIMITS.atOnce);
  });

  test('an HPA is answered meanwhile, and whoever scrapes after three seconds', async () => {
    const connection = connectOverHttp1(address);
    const asked = await connection.ask(metricPath('web-0', 'network_receive_bytes_per_second'));
    assert.equal(asked.statusCode, 200, asked.text);
    const refused = await connection.ask('/metrics?namespace=team-0');
    assert.equal(refused.statusCode, 429);
    assert.equal(refused.headers['retry-after'], '1');
    server.clock.advance(SCRAPE_LIMITS.undisturbedMs - 2_000); // two seconds were those of the reports
    const scraped = await connection.ask('/metrics?family=podnet_pod_info');
    assert.equal(scraped.statusCode, 200);
    assert.equal(scraped.text.match(/^podnet_pod_info\{/gm)?.length, NODES * 30 + 1);
    connection.close();
    assert.equal(await ownValue('podnet_apiserver_scrapes_total{result="gave_way"}'), 1);
  });

  test('when they are gone so is what was held for them', async () => {
    for (const client of clients) client.end();
    await eventually(underWay, (count) => count === 0);
    assert.equal(await underWay(), 0);
    assert.equal(await ownValue('podnet_apiserver_scrape_held_bytes'), 0);
  });
});
