// The agent alone: no Kubernetes, no server, every address.
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { startNodeagent } from '../../nodeagent/start.js';
import { nodeagentProgram } from '../../nodeagent/options.js';
import { systemClock } from '../../runtime/clock.js';
import { createLogger } from '../../runtime/logger.js';
import { parseOptions } from '../../runtime/options/parse.js';
import { eventually } from '../support/programs.js';

test('without pods, Kubernetes and a server the agent samples, serves, and complains of nothing', async () => {
  const argv = [
    ...['--pod-source', 'none', '--compat', 'sriov-network-metrics-exporter', '--listen-address', ':0'],
    ...['--interval', '200ms', '--listen-rate-limit', '1000'],
  ];
  const invocation = parseOptions(nodeagentProgram('0.0.0', 'test-node'), argv, {});
  assert.equal(invocation.kind, 'run');
  const logged: string[] = [];
  const log = createLogger('nodeagent', { level: 'info', format: 'text', write: (line) => void logged.push(line) });
  const agent = await startNodeagent(invocation.options, { clock: systemClock, version: '0.0.0', log, env: {} });
  try {
    const { port } = new URL(agent.url);
    const get = async (path: string, host = '127.0.0.1') => {
      const response = await fetch(`http://${host}:${port}${path}`);
      return `${response.status} ${await response.text()}`;
    };
    await eventually(
      () => get('/healthz'),
      (text) => text === '200 ok',
    );
    const sweeps = (text: string) => Number(/^podnet_nodeagent_sweep_duration_seconds_count (\d+)$/m.exec(text)?.[1]);
    const text = await eventually(
      () => get('/metrics'),
      (seen) => sweeps(seen) >= 2,
    );
    assert.match(text, /^podnet_nodeagent_pods 0$/m);
    assert.doesNotMatch(text, /kubernetes|^podnet_(pod|interface)_/m);
    const own = Object.values(networkInterfaces()).flatMap((addresses = []) =>
      addresses.flatMap(({ family, internal, address }) => (family === 'IPv4' && !internal ? [address] : [])),
    );
    for (const address of own) assert.match(await get('/metrics', address), /^200 /, address);
    assert.deepEqual(
      logged.filter((line) => /warn|error|kubernetes/i.test(line)),
      [],
    );
  } finally {
    await agent.close();
  }
});
