import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { createRefusedConnections, tellRefused } from '../../apiserver/refused-connections.js';
import { createLogger } from '../../runtime/logger.js';
import { createManualClock } from '../support/clock.js';

test('an address that is refused all the time hides nothing about the server', () => {
  const logged: string[] = [];
  const log = createLogger('test', { level: 'warn', format: 'text', write: (line) => logged.push(line) });
  const clock = createManualClock();
  const tell = tellRefused(createRefusedConnections(new Registry()), { clock, log });
  for (let second = 0; second < 2; second++) {
    for (let i = 0; i < 3; i++) tell({ reason: 'address', address: '10.0.0.1' });
    for (let i = 0; i < 3; i++) tell({ reason: 'server', address: '10.0.0.2' });
    clock.advance(1_000);
  }
  assert.deepEqual(
    logged.map((line) => /address=(\S+)/.exec(line)?.[1]),
    ['10.0.0.1', '10.0.0.2', '10.0.0.1', '10.0.0.2'],
  );
});
