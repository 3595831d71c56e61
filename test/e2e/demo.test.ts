// npm run demo, as it is shipped.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { makeBundle, run, type Bundle, type Run } from '../support/bundle.js';
import { eventually } from '../support/programs.js';
import { missing } from '../support/requirements.js';

describe('demo', { skip: missing('root', 'ip') }, () => {
  let bundle: Bundle;
  before(async () => {
    bundle = await makeBundle();
  });
  after(() => bundle.remove());

  const demo = (measure: string) =>
    run(process.execPath, [
      bundle.file,
      'demo',
      '--measure',
      measure,
      '--secure-port',
      '0',
      '--listen-address',
      '127.0.0.1:0',
    ]);
  const left = async () => [
    ...(await readdir('/run/netns').catch(() => [])).filter((name) => name.startsWith('podnet-demo-')),
    ...(await readdir('/sys/class/net')).filter((name) => name.startsWith('pnd-')),
  ];
  const measuring = (program: Run) =>
    eventually(
      () => program.out(),
      (text) => text.includes('measuring'),
    );

  test('every rate read is within 5 % of what was offered, and nothing is left behind', async () => {
    const program = demo('4s');
    assert.equal(await program.ended, 0, program.out() + program.error());
    assert.doesNotMatch(program.out(), /curl/, 'its server is gone before anybody could ask');
    const deviations = [...program.out().matchAll(/^upf-\d +\S+ +(?:receive|transmit) .* (-?[\d.]+) %$/gm)].map(
      (match) => Math.abs(Number(match[1])),
    );
    assert.equal(deviations.length, 12);
    assert.ok(Math.max(...deviations) <= 5, program.out());
    assert.match(
      program.out(),
      /average of 80\d kB\/s over 3 pods and wants 5 replicas\.|average of 79\d kB\/s over 3 pods and wants 5 replicas\./,
    );
    assert.deepEqual(await left(), []);
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    test(`${signal} ends it and removes what it made`, async () => {
      const program = demo('5m');
      await measuring(program);
      assert.notDeepEqual(await left(), []);
      program.child.kill(signal);
      assert.equal(await program.ended, 1, 'no verdict is no success');
      assert.deepEqual(await left(), []);
    });
  }

  test('whoever reads its output may go away: it removes what it made', async () => {
    const gone = demo('5m');
    gone.child.stdout.destroy();
    assert.equal(await gone.ended, 1, 'no verdict is no success');
    assert.equal(gone.error(), '');
    assert.deepEqual(await left(), []);
    // Goes after what is said at the start; the verdict finds nobody.
    const head = demo('3s');
    head.child.stdout.once('data', () => head.child.stdout.destroy());
    await head.ended;
    assert.deepEqual(await left(), []);
  });

  test('a second one leaves the first alone', async () => {
    const first = demo('5m');
    await measuring(first);
    const made = await left();
    const second = demo('4s');
    assert.equal(await second.ended, 1);
    assert.equal(second.error(), 'podnet demo: another one is running on this machine: end it first\n');
    assert.deepEqual(await left(), made);
    first.child.kill('SIGTERM');
    await first.ended;
    assert.deepEqual(await left(), []);
  });

  test('what a kill left the next run removes', async () => {
    const killed = demo('5m');
    await measuring(killed);
    killed.child.kill('SIGKILL');
    await killed.ended;
    assert.notDeepEqual(await left(), []);
    const next = demo('5m');
    await measuring(next);
    assert.match(next.out(), /^Removed what an earlier run had left\./);
    next.child.kill('SIGTERM');
    await next.ended;
    assert.deepEqual(await left(), []);
  });

  test('without root it says so', { skip: missing('setpriv') }, async () => {
    const program = run('setpriv', ['--reuid', '65534', '--clear-groups', process.execPath, bundle.file, 'demo']);
    assert.equal(await program.ended, 1);
    assert.equal(program.error(), 'podnet demo: needs root: it makes network namespaces\n');
  });
});
