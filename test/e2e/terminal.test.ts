// The bundle on a real terminal, and with readers that stop or go.
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, afterEach, before, describe, test } from 'node:test';
import { makeBundle, run, type Bundle, type Run } from '../support/bundle.js';
import { eventually } from '../support/programs.js';
import { missing } from '../support/requirements.js';

const FREE_PORTS = ['--secure-port', '0', '--listen-address', '127.0.0.1:0'];
const CTRL_C = '\u0003';
const CTRL_Q = '\u0011';
const CTRL_S = '\u0013';
const CTRL_Z = '\u001a';
const CTRL_BACKSLASH = '\u001c';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

describe('on a terminal', { skip: missing('script', 'curl') }, () => {
  let bundle: Bundle;
  before(async () => {
    bundle = await makeBundle();
  });
  after(() => bundle.remove());

  const terminals: Run[] = [];
  // With its terminal a program ends: none outlives a test that failed.
  afterEach(() => {
    for (const { child } of terminals.splice(0)) child.kill('SIGKILL');
  });

  /** A shell on a terminal of its own, which runs standalone by the name of $podnet. */
  function shell(script: string, flags: readonly string[] = [], env: Record<string, string> = {}): Run {
    const podnet = [process.execPath, bundle.file, 'standalone', ...FREE_PORTS, ...flags].join(' ');
    const terminal = run(
      'script',
      ['-qefc', `stty rows 24 cols 80; ulimit -c 0; podnet='${podnet}'; ${script}`, '/dev/null'],
      {
        env: { SHELL: '/bin/sh', TERM: 'xterm', ...env },
      },
    );
    terminals.push(terminal);
    return terminal;
  }
  const tables = (program: Run) => program.out().split('POD ').length - 1;
  const untilTables = (program: Run, count: number) =>
    eventually(
      () => tables(program),
      (seen) => seen >= count,
    );
  const untilSaid = (program: Run, text: RegExp) =>
    eventually(
      () => program.out(),
      (said) => text.test(said),
    );
  const urlOf = (program: Run) => /serving on (\S+),/.exec(program.out())?.[1] ?? assert.fail(program.out());
  const livez = async (url: string) => {
    const client = run('curl', ['-ksS', '-m', '3', `${url}/livez`]);
    await client.ended;
    return client.out();
  };

  test('a terminal that stops reading stops nothing but the table', async () => {
    const program = shell('echo pid=$$; exec $podnet');
    await untilTables(program, 2);
    program.child.stdin.write(CTRL_S);
    let seen = '';
    await eventually(
      () => [seen, (seen = program.out())],
      ([before, now]) => before === now,
    );
    // Past several frames.
    const startedMs = Date.now();
    await eventually(
      async () => {
        assert.equal(await livez(urlOf(program)), 'ok');
        return Date.now() - startedMs;
      },
      (tookMs) => tookMs > 4_000,
    );
    const stoppedAt = tables(program);
    program.child.stdin.write(CTRL_Q);
    await untilTables(program, stoppedAt + 2);
    assert.match(program.out(), /POD [^\u001b]*\n\u001b/, 'goes on as before');
    program.child.stdin.write(CTRL_S);
    process.kill(Number(/pid=(\d+)/.exec(program.out())?.[1]), 'SIGINT');
    assert.equal(await program.ended, 0);
  });

  test('Ctrl-Z gives the terminal back; afterwards it goes on', async () => {
    const program = shell('set -m; $podnet; echo "stopped="; fg >/dev/null; echo "ended=$?"');
    await untilTables(program, 2);
    program.child.stdin.write(CTRL_Z);
    await untilSaid(program, /stopped=/);
    const [before = '', since = ''] = program.out().split('stopped=');
    assert.ok(before.includes(SHOW_CURSOR), 'the cursor is shown while it is stopped');
    assert.ok(!since.includes('POD '));
    const count = tables(program);
    await untilTables(program, count + 2);
    const [, resumed = ''] = program.out().split('stopped=');
    assert.match(resumed, /\u001b\[\?25l\r\u001b\[2KPOD /, 'the table begins below');
    program.child.stdin.write(CTRL_C);
    await program.ended;
    assert.match(program.out(), /\u001b\[\?25hended=0\r\n$/);
  });

  test('the cursor comes back from Ctrl-\\', async () => {
    const program = shell('trap : QUIT; $podnet; echo "ended=$?"');
    await untilTables(program, 1);
    program.child.stdin.write(CTRL_BACKSLASH);
    await program.ended;
    const [, since = ''] = program.out().split(HIDE_CURSOR);
    assert.match(since, /\u001b\[\?25h/);
    assert.match(since, /ended=131\r\n$/);
  });

  test('the cursor comes back from a crash', async () => {
    const crash = "data:text/javascript,setTimeout(()=>{throw%20new%20Error('crash')},3000)";
    const program = shell('$podnet; echo "ended=$?"', [], { NODE_OPTIONS: `--import=${crash}` });
    await program.ended;
    const [, since = ''] = program.out().split(HIDE_CURSOR);
    assert.match(since, /\u001b\[\?25h/);
    assert.match(since, /Error: crash/);
    assert.match(since, /ended=1\r\n$/);
  });

  test('the log stays above the table', async () => {
    const program = shell('exec $podnet', ['--log-level', 'info', '--path.sysfs', '/nonexistent']);
    await untilTables(program, 3);
    program.child.stdin.write(CTRL_C);
    assert.equal(await program.ended, 0);
    const logged = program.out().match(/ info | warn /g) ?? [];
    assert.ok(logged.length > 0, program.out());
  });

  test('a log that goes elsewhere goes there, whole', async () => {
    const program = shell('$podnet 2>&1 >/dev/tty | sed s/^/log:/', ['--log-level', 'info']);
    await untilTables(program, 2);
    program.child.stdin.write(CTRL_C);
    await program.ended;
    assert.match(program.out(), /^log:\S+ info /m);
  });

  test('a new size leaves what stands above the table', async () => {
    const program = shell('(sleep 3; stty -F /dev/tty rows 12 cols 30) & exec $podnet');
    await untilSaid(program, /\u001b\[2KPOD [^\n]{0,27}\r\n/);
    program.child.stdin.write(CTRL_C);
    assert.equal(await program.ended, 0);
    assert.doesNotMatch(program.out(), /\u001b\[[23]?J|\u001b\[H/, 'nothing is wiped');
  });
});

describe('readers that go', () => {
  let bundle: Bundle;
  before(async () => {
    bundle = await makeBundle();
  });
  after(() => bundle.remove());

  test('nobody need read the log', async () => {
    const args = ['standalone', ...FREE_PORTS, '--log-level', 'debug'];
    const program = run(process.execPath, [bundle.file, ...args]);
    program.child.stderr.destroy();
    await eventually(
      () => program.out(),
      (text) => text.split(' interfaces, receive ').length > 3,
    );
    program.child.kill('SIGTERM');
    assert.equal(await program.ended, 0);
  });

  test('output that cannot be written is a failure', async () => {
    const program = run('sh', [
      '-c',
      'exec "$0" "$@" > /dev/full',
      process.execPath,
      bundle.file,
      'standalone',
      ...FREE_PORTS,
    ]);
    assert.equal(await program.ended, 1);
  });
});
