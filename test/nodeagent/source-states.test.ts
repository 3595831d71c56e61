import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { createSelfMetrics } from '../../nodeagent/self-metrics.js';
import { SOURCE_OFF, SourceStates, type SourceOff } from '../../nodeagent/source-states.js';
import { createLogger } from '../../runtime/logger.js';

function statesOf(level: 'info' | 'debug' = 'info') {
  const logged: string[] = [];
  const metrics = createSelfMetrics(new Registry(), '0');
  const log = createLogger('test', { level, format: 'text', write: (line) => logged.push(line) });
  const shown = async () => {
    const { values } = await metrics.sourceUp.get();
    return values.map(({ labels, value }) => [labels.source, labels.reason, value]);
  };
  return { states: new SourceStates({ log, metrics }), logged, shown };
}

test('a source of which nothing is known is not shown', async () => {
  assert.deepEqual(await statesOf().shown(), []);
});

test('a source has one state at a time, with the reason when it is off', async () => {
  const { states, shown } = statesOf();
  states.off('cri', 'not_found');
  assert.deepEqual(await shown(), [['cri', 'not_found', 0]]);
  states.off('cri', 'not_permitted');
  assert.deepEqual(await shown(), [['cri', 'not_permitted', 0]]);
  states.up('cri');
  assert.deepEqual(await shown(), [['cri', '', 1]]);
  states.off('cri', 'unreachable');
  assert.deepEqual(await shown(), [['cri', 'unreachable', 0]]);
});

test('what is said of one source changes no other', async () => {
  const { states, shown } = statesOf();
  states.up('cgroups');
  states.off('pod-links', 'not_permitted');
  states.up('pod-links');
  states.off('cgroups', 'not_found');
  assert.deepEqual((await shown()).sort(), [
    ['cgroups', 'not_found', 0],
    ['pod-links', '', 1],
  ]);
});

test('a change is told once, with what was said of it', () => {
  const { states, logged } = statesOf();
  for (let round = 0; round < 3; round++) states.off('cri', 'not_permitted', `connect EACCES, ${round}`);
  for (let round = 0; round < 3; round++) states.up('cri');
  assert.equal(logged.length, 2);
  assert.match(logged[0] ?? '', / warn a source is not in use .*source=cri reason=not_permitted .*EACCES, 0/);
  assert.match(logged[1] ?? '', / info a source is in use .*source=cri/);
});

test('a source that no flag asks for is no warning', async () => {
  const { states, logged, shown } = statesOf('debug');
  states.off('cri', 'not_configured');
  assert.equal(logged.length, 1);
  assert.match(logged[0] ?? '', / debug a source is not in use /);
  assert.deepEqual(await shown(), [['cri', 'not_configured', 0]]);
});

test('what least rights go without is a warning only once it worked', () => {
  for (const source of ['pod-links', 'cpu-manager-state', 'peer-networks'] as const) {
    const { states, logged } = statesOf();
    states.off(source, 'not_permitted');
    states.up(source);
    states.off(source, 'failed');
    assert.deepEqual(
      logged.map((line) => line.split(' ')[1]),
      ['info', 'info', 'warn'],
    );
  }
});

test('every reason can be a label, and says what it means', async () => {
  for (const reason of Object.keys(SOURCE_OFF) as SourceOff[]) {
    const { states, shown } = statesOf();
    states.off('cgroups', reason);
    assert.deepEqual(await shown(), [['cgroups', reason, 0]]);
    assert.match(reason, /^[a-z_]+$/);
    assert.notEqual(SOURCE_OFF[reason], '');
  }
});
