import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { BEHIND_MAX, TerminalOutput, openNonBlocking } from '../../runtime/output.js';
import { eventually } from '../support/programs.js';

/** A pipe in the place of a terminal: it, too, takes only so much from who does not wait. */
function pipe(t: TestContext): { output: TerminalOutput; read: () => string } {
  const directory = mkdtempSync(join(tmpdir(), 'podnet-output-'));
  const path = join(directory, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openNonBlocking(path);
  const buffer = Buffer.alloc(1 << 20);
  const read = (): string => {
    try {
      return buffer.toString('utf8', 0, readSync(reader, buffer));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return '';
      throw error;
    }
  };
  const output = new TerminalOutput(writer, process.stderr);
  t.after(() => {
    while (output.isBehind) {
      read();
      output.finish();
    }
    closeSync(reader);
    closeSync(writer);
    rmSync(directory, { recursive: true });
  });
  return { output, read };
}

test('what is read at once leaves nothing behind', (t) => {
  const { output, read } = pipe(t);
  assert.ok(output.write('one'));
  assert.ok(!output.isBehind);
  assert.equal(read(), 'one');
});

test('what was not taken goes before what comes later', async (t) => {
  const { output, read } = pipe(t);
  const long = 'é'.repeat(60_000);
  output.write(long);
  assert.ok(output.isBehind);
  output.write('!');
  let seen = '';
  await eventually(
    () => (seen += read()),
    (text) => text.endsWith('!'),
  );
  assert.equal(Buffer.byteLength(seen), 2 * 60_000 + 1);
  assert.ok(!output.isBehind);
});

test('without a reader texts are dropped whole', (t) => {
  const { output, read } = pipe(t);
  const text = 'x'.repeat(50_000);
  let taken = 0;
  while (output.write(text)) taken++;
  assert.ok(taken >= BEHIND_MAX / text.length && taken < 12, String(taken));
  let seen = 0;
  for (;;) {
    const length = read().length;
    if (length === 0 && !output.isBehind) break;
    seen += length;
    output.finish();
  }
  assert.equal(seen, taken * text.length);
  assert.ok(output.write('again'));
});

test('the end of the process waits for a reader no longer than a second', (t) => {
  const { output } = pipe(t);
  output.write('x'.repeat(100_000));
  const startedMs = Date.now();
  output.finish();
  const tookMs = Date.now() - startedMs;
  assert.ok(tookMs >= 900 && tookMs < 3_000, String(tookMs));
});
