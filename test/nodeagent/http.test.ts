import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { COMPAT_NAMES, Compat } from '../../metrics/compat/compat.js';
import type { NodeView } from '../../metrics/node-families.js';
import { createAgentHttp } from '../../nodeagent/http.js';
import { RateLimit, type Rate } from '../../runtime/rate-limit.js';
import { askAgent } from '../support/agent-http.js';
import { createManualClock } from '../support/clock.js';
import { compatView } from '../support/compat-view.js';

async function scrape(compat?: Compat, accept = 'text/plain'): Promise<string> {
  const app = createAgentHttp({
    registry: new Registry(),
    problem: () => '',
    view: compatView,
    ...(compat !== undefined && { compat }),
  });
  return (await askAgent(app, '/metrics', { accept })).body;
}

function familiesOf(text: string): string[] {
  return [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
}

test('families of predecessors follow the own ones, where asked for', async () => {
  const own = await scrape();
  assert.doesNotMatch(own, /container_network|pod_network_name_info|pod_interface_shim/);
  for (const name of COMPAT_NAMES) {
    const compat = new Compat([name]);
    const text = await scrape(compat);
    assert.ok(text.startsWith(own));
    assert.deepEqual(
      familiesOf(text.slice(own.length)),
      [...compat.families, ...compat.read(compatView()).map(({ family }) => family)].map(({ name }) => name),
    );
  }
});

// IPAM of a later version: what it tells is served under names that nobody could know.
test('families that nobody knew are served, in OpenMetrics as well', async () => {
  const compat = new Compat(['cni-metrics-helper']);
  assert.match(
    await scrape(compat),
    /\n# TYPE podnet_ipam_new_thing untyped\npodnet_ipam_new_thing\{node="n1",.*\} 7\n/,
  );
  const text = await scrape(compat, 'application/openmetrics-text; version=1.0.0');
  assert.match(text, /\n# TYPE podnet_ipam_new_thing unknown\npodnet_ipam_new_thing\{node="n1",.*\} 7\n/);
  assert.match(text, /\n# TYPE podnet_ipam_add_ip_req counter\npodnet_ipam_add_ip_req_total\{node="n1"\} 184\n/);
  assert.match(text, /\n# TYPE awscni_add_ip_req_count unknown\nawscni_add_ip_req_count 184\n/);
});

test('OpenMetrics ends after the families of predecessors', async () => {
  const text = await scrape(new Compat(['network-metrics-daemon']), 'application/openmetrics-text; version=1.0.0');
  assert.match(text, /\n# TYPE network:container_network_receive_bytes counter\n/);
  assert.match(text, /\ncontainer_network_receive_bytes_total_intf\{.*\} \d+\n/);
  assert.match(text, /[^\n]\n# EOF\n$/);
});

// Fault of network-metrics-daemon: its health is always OK.
test('health is complained of without a fresh sample, not while the pods are unknown', async () => {
  const healthOf = async (waiting: string, problem = '', view: () => NodeView | undefined = () => undefined) => {
    const app = createAgentHttp({ registry: new Registry(), view, problem: () => problem, waiting: () => waiting });
    const { statusCode, body } = await askAgent(app, '/healthz');
    return [statusCode, body];
  };
  const unknown = 'which pods there are is not known yet';
  assert.deepEqual(await healthOf(unknown), [200, `ok, but waiting: ${unknown}\n`]);
  assert.deepEqual(await healthOf(unknown, 'pods: no procfs'), [500, 'pods: no procfs\n']);
  assert.deepEqual(await healthOf(''), [500, 'no fresh sample\n']);
  assert.deepEqual(await healthOf('', '', compatView), [200, 'ok']);
});

test('what is not there is not found, and not served in another way', async () => {
  const app = createAgentHttp({ registry: new Registry(), problem: () => '', view: compatView });
  for (const [path, method] of [
    ['/', 'GET'],
    ['/metrics/', 'GET'],
    ['/healthz', 'POST'],
  ] as const) {
    const { statusCode, body } = await askAgent(app, path, {}, method);
    assert.deepEqual([statusCode, body], [404, 'there are /metrics and /healthz, to GET\n'], `${method} ${path}`);
  }
  assert.equal((await askAgent(app, '/healthz?verbose')).statusCode, 200);
});

/** Starts a server that limits as the flags say, and asks it from an address of this machine. */
async function askLimited(rate: Rate, look: (ask: Ask) => Promise<void>): Promise<void> {
  const clock = createManualClock();
  const limit = new RateLimit(rate, clock);
  const app = createAgentHttp({ registry: new Registry(), problem: () => '', view: compatView, limit });
  await once(app.listen(0, '127.0.0.1'), 'listening');
  const { port } = app.address() as AddressInfo;
  const agent = new Agent({ keepAlive: false });
  try {
    await look(async (path, { from = '127.0.0.1', afterMs = 0, method = 'GET' } = {}) => {
      clock.advance(afterMs);
      const asked = request({ port, path, method, agent, host: '127.0.0.1', localAddress: from }).end();
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      response.setEncoding('utf8');
      let body = '';
      for await (const text of response) body += String(text);
      return { code: response.statusCode, body, retryAfter: response.headers['retry-after'] };
    });
  } finally {
    app.close();
    app.closeAllConnections();
  }
}

type Ask = (
  path: string,
  options?: { readonly from?: string; readonly afterMs?: number; readonly method?: string },
) => Promise<{ readonly code: number | undefined; readonly body: string; readonly retryAfter: string | undefined }>;

// Fault of sriov-network-metrics-exporter: one client takes the requests of all.
test('a client that asks too often is told to come again, and no other is', async () => {
  await askLimited({ perSecond: 2, burst: 3 }, async (ask) => {
    const codes = async (count: number, options?: Parameters<Ask>[1]) =>
      (await inTurn(count, () => ask('/metrics', options))).map(({ code }) => code);
    assert.deepEqual(await codes(4), [200, 200, 200, 429]);
    assert.deepEqual(await ask('/metrics'), { code: 429, body: 'Too Many Requests\n', retryAfter: '1' });
    assert.deepEqual(await codes(1, { from: '127.0.0.2' }), [200]);
    assert.deepEqual(await codes(2, { afterMs: 500 }), [200, 200]);
    assert.deepEqual(await codes(2), [429, 429]);
  });
});

test('what is not there counts as well', async () => {
  await askLimited({ perSecond: 1, burst: 1 }, async (ask) => {
    assert.equal((await ask('/none')).code, 404);
    assert.equal((await ask('/none')).code, 429);
    assert.equal((await ask('/metrics', { method: 'POST' })).code, 429);
  });
});

test('a probe from the node is answered however busy a scraper is', async () => {
  await askLimited({ perSecond: 1, burst: 1 }, async (ask) => {
    for (const from of ['127.0.0.1', '127.0.0.9']) {
      await ask('/metrics', { from });
      assert.equal((await ask('/metrics', { from })).code, 429);
      assert.equal((await ask('/healthz', { from })).code, 200);
      assert.equal((await ask('/healthz?verbose', { from })).code, 200);
    }
  });
});

/** Of this machine, and not of its loopback: as the kubelet has one of the node where the agent has a network of its own. */
const OTHER = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.family === 'IPv4' && !one.internal)?.address;

test('nor is a probe held up that comes from the address of a scraper', { skip: OTHER === undefined }, async () => {
  await askLimited({ perSecond: 1, burst: 1 }, async (ask) => {
    const from = OTHER ?? '';
    assert.equal((await ask('/metrics', { from })).code, 200);
    assert.equal((await ask('/metrics', { from })).code, 429);
    assert.equal((await ask('/healthz', { from })).code, 200);
    assert.equal((await ask('/healthz', { from })).code, 429, 'but that is limited, too');
  });
});

async function inTurn<T>(count: number, act: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let n = 0; n < count; n++) results.push(await act());
  return results;
}

// Fault: 256 connections of nobody's, and the kubelet takes the agent for dead.
test('a probe is answered however many hold connections open', async () => {
  const app = createAgentHttp({ registry: new Registry(), problem: () => '', view: compatView });
  await once(app.listen(0, '127.0.0.1'), 'listening');
  const { port } = app.address() as AddressInfo;
  const held = await inTurn(256, async () => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    await once(socket.resume(), 'connect');
    return socket;
  });
  try {
    const [oldest] = held;
    const isClosed = once(oldest ?? app, 'close');
    const response = await fetch(`http://127.0.0.1:${port}/healthz`);
    assert.deepEqual([response.status, await response.text()], [200, 'ok']);
    await isClosed;
    assert.equal(held.filter(({ destroyed }) => destroyed).length, 1, 'one made room');
  } finally {
    app.close();
    app.closeAllConnections();
  }
});

test('families that cannot be rendered are an answer that says why', async () => {
  const view = () => {
    throw new TypeError('no view');
  };
  const app = createAgentHttp({ registry: new Registry(), problem: () => '', view });
  assert.deepEqual(await askAgent(app, '/metrics'), { statusCode: 500, body: 'no view\n' });
});
