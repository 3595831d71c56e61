import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveTerminal } from '../../cli/terminal.js';

/** What was written, and a size and a reader that a test can change. */
class Recorder {
  text = '';
  isBehind = false;
  size = { columns: 40, rows: 10 };

  write(text: string): boolean {
    this.text += text;
    return true;
  }
  finish(): void {
    // nothing is ever left
  }
  /** What was written since. */
  take(): string {
    const { text } = this;
    this.text = '';
    return text.replaceAll('\u001b', 'ESC');
  }
}

function started(): { recorder: Recorder; terminal: LiveTerminal } {
  const recorder = new Recorder();
  const terminal = new LiveTerminal(recorder, () => recorder.size);
  terminal.enter();
  return { recorder, terminal };
}

test('a block is drawn again in its place', () => {
  const { recorder, terminal } = started();
  terminal.draw(['a', 'b']);
  assert.equal(recorder.take(), 'ESC[?25l\rESC[2Ka\nESC[2Kb\nESC[0J');
  terminal.draw(['c']);
  assert.equal(recorder.take(), 'ESC[2A\rESC[2Kc\nESC[0J');
  terminal.leave();
  terminal.leave();
  assert.equal(recorder.take(), 'ESC[?25h');
});

test('printed lines stay above the block, and cannot move the cursor', () => {
  const { recorder, terminal } = started();
  terminal.draw(['a', 'b']);
  recorder.take();
  terminal.print('warn \u001b[2Jx\nmore\n');
  assert.equal(recorder.take(), 'ESC[2A\rESC[0Jwarn ?[2Jx\nmore\nESC[2Ka\nESC[2Kb\nESC[0J');
});

test('a terminal that has stopped reading misses blocks, not lines', () => {
  const { recorder, terminal } = started();
  terminal.draw(['a']);
  recorder.take();
  recorder.isBehind = true;
  terminal.print('one\n');
  terminal.draw(['b']);
  terminal.print('two\n');
  assert.equal(recorder.take(), '');
  recorder.isBehind = false;
  terminal.draw(['c']);
  assert.equal(recorder.take(), 'ESC[1A\rESC[0Jone\ntwo\nESC[2Kc\nESC[0J');
  recorder.isBehind = true;
  terminal.print('last\n');
  terminal.leave();
  assert.equal(recorder.take(), 'last\nESC[?25h');
});

test('what a new size has moved is left, and drawn again below', () => {
  const { recorder, terminal } = started();
  const block = ['0123456789', 'b', 'c'];
  for (const [size, start] of [
    [{ columns: 40, rows: 10 }, '\rESC[2K0'],
    [{ columns: 80, rows: 20 }, 'ESC[3A\rESC[2K0'],
    [{ columns: 10, rows: 4 }, 'ESC[3A\rESC[2K0'],
    [{ columns: 9, rows: 10 }, '\rESC[2K0'],
    [{ columns: 40, rows: 3 }, '\rESC[2K0'],
  ] as const) {
    recorder.take();
    recorder.size = size;
    terminal.draw(block);
    const drawn = recorder.take();
    assert.ok(drawn.replace('ESC[?25l', '').startsWith(start), `${JSON.stringify(size)}: ${drawn}`);
    assert.doesNotMatch(drawn, /\[2J/);
  }
});

test('after leaving, lines go as they come and a block begins anew', () => {
  const { recorder, terminal } = started();
  terminal.draw(['a']);
  terminal.leave();
  recorder.take();
  terminal.print('line\n');
  terminal.draw(['b']);
  assert.equal(recorder.take(), 'line\n');
  terminal.enter();
  terminal.draw(['c']);
  assert.equal(recorder.take(), 'ESC[?25l\rESC[2Kc\nESC[0J');
});
