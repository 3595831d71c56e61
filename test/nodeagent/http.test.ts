import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { COMPAT_NAMES, Compat } from '../../metrics/compat/compat.js';
import type { NodeView } from '../../metrics/node-families.js';
import { createAgentHttp } from '../../nodeagent/http.js';
import { askAgent } from '../support/agent-http.js';
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
      compat.families.map((family) => family.name),
    );
  }
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

test('families that cannot be rendered are an answer that says why', async () => {
  const view = () => {
    throw new TypeError('no view');
  };
  const app = createAgentHttp({ registry: new Registry(), problem: () => '', view });
  assert.deepEqual(await askAgent(app, '/metrics'), { statusCode: 500, body: 'no view\n' });
});
