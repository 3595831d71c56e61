import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseNetDev } from '../../../nodeagent/procfs/net-dev.js';

const HEADER =
  'Inter-|   Receive                                                |  Transmit\n' +
  ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n';

/** Receive columns 1 to 8, transmit columns 9 to 16. */
const ROW = '1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16';

async function recorded(file: string) {
  return parseNetDev(await readFile(`test/fixtures/net-dev/${file}`, 'utf8'));
}

test('the eight counters are columns 1 to 4 of each direction', () => {
  assert.deepEqual(parseNetDev(`${HEADER}  eth0: ${ROW}\n`), [{ name: 'eth0', counters: [1, 2, 3, 4, 9, 10, 11, 12] }]);
});

test('what one recorded pod sent on a network is what the other received, to the byte', async () => {
  const of = (lines: readonly { name: string; counters: readonly number[] }[]) =>
    lines.find(({ name }) => name === 'net1')?.counters;
  const [one, two] = [of(await recorded('pod1.after')), of(await recorded('pod2.after'))];
  assert.deepEqual(one, [201_755, 2_993, 0, 0, 205_142_115, 4_766, 0, 0]);
  assert.deepEqual(two, [...(one?.slice(4) ?? []), ...(one?.slice(0, 4) ?? [])]);
});

test('every recorded file parses, with lo first', async () => {
  for (const file of ['pod2.before', 'pod2.after', 'pod3.before', 'pod3.after', 'host.after']) {
    assert.equal((await recorded(file))[0]?.name, 'lo', file);
  }
});

test('a name may hold a colon, and touch its first counter', () => {
  const names = parseNetDev(`${HEADER}eth0:1: ${ROW}\nverylonginterf:1 ${ROW.slice(2)}\n`).map(({ name, counters }) => [
    name,
    counters[0],
  ]);
  assert.deepEqual(names, [
    ['eth0:1', 1],
    ['verylonginterf', 1],
  ]);
});

test('a counter of 20 digits is the nearest double', () => {
  const [line] = parseNetDev(`${HEADER}eth0: 18446744073709551615 ${ROW.slice(2)}\n`);
  assert.equal(line?.counters[0], 2 ** 64);
});

test('only a header means no interfaces', () => {
  assert.deepEqual(parseNetDev(HEADER), []);
});

const BAD: readonly (readonly [string, string, RegExp])[] = [
  ['an empty file', '', /^net\/dev:1: no header$/],
  ['something else', 'hello\nworld\n', /^net\/dev:1: no header$/],
  ['a last line without its end', `${HEADER}eth0: ${ROW}`, /^net\/dev:3: the last line was cut$/],
  ['a missing column', `${HEADER}eth0: ${ROW}\neth1: 1 2 3\n`, /^net\/dev:4: want a name and 16 columns, got 3$/],
  ['a row without a name', `${HEADER} : ${ROW}\n`, /^net\/dev:3: want a name/],
  ['a negative counter', `${HEADER}eth0: -1 ${ROW.slice(2)}\n`, /^net\/dev:3: not a counter: "-1"$/],
  ['a fraction', `${HEADER}eth0: 1.5 ${ROW.slice(2)}\n`, /^net\/dev:3: not a counter: "1\.5"$/],
];

for (const [what, text, message] of BAD) {
  test(`${what} names its file and line`, () => {
    assert.throws(() => parseNetDev(text), { code: 'NODEAGENT_PROC_PARSE', message });
  });
}

test('whatever is printed as the kernel does is read back', () => {
  const counter = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  const line = fc.record({
    name: fc.stringMatching(/^[a-z][a-z0-9.:@-]{0,13}[a-z0-9]$/),
    columns: fc.array(counter, { minLength: 16, maxLength: 16 }),
  });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
      const text = lines.map(
        ({ name, columns }) =>
          `${name.padStart(6)}: ${columns.map((column) => String(column).padStart(7)).join(' ')}\n`,
      );
      const parsed = parseNetDev(HEADER + text.join(''));
      assert.deepEqual(
        parsed,
        lines.map(({ name, columns }) => ({ name, counters: [...columns.slice(0, 4), ...columns.slice(8, 12)] })),
      );
    }),
  );
});
