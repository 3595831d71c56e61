import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger, errorMessage } from '../../runtime/logger.js';

function logged(format: 'text' | 'json', level: 'info' | 'warn' = 'info'): string[] {
  const lines: string[] = [];
  const log = createLogger('agent', { level, format, write: (line) => lines.push(line) });
  log.info({ node: 'a', problem: 'two words' }, 'it happened');
  return lines;
}

test('JSON lines have time, level, program and message', () => {
  const { time, ...rest } = JSON.parse(logged('json')[0] ?? '') as Record<string, unknown>;
  assert.match(String(time), /^\d{4}-\d\d-\d\dT/);
  assert.deepEqual(rest, { level: 'info', program: 'agent', node: 'a', problem: 'two words', msg: 'it happened' });
});

test('text is one line for people', () => {
  assert.match(logged('text')[0] ?? '', /^\S+ info it happened program=agent node=a problem="two words"\n$/);
});

test('what is below the level is not logged', () => {
  assert.deepEqual(logged('json', 'warn'), []);
});

test('an error says its code where its message does not', () => {
  assert.equal(errorMessage(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })), 'ECONNREFUSED refused');
  assert.equal(errorMessage(new Error('plain')), 'plain');
  assert.equal(errorMessage(new AggregateError([new Error('a'), new Error('b')], 'all failed')), 'all failed: a; b');
  assert.equal(errorMessage('text'), 'text');
});
