import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { DeflatedTexts, inflate } from '../../../apiserver/exposition/deflated.js';
import { LineDeflater } from '../../../apiserver/exposition/line-deflater.js';
import { textOf, type SampleLines } from '../../../metrics/render.js';

const deflater = new LineDeflater();

function assertSaysWhatItSays(lines: SampleLines): void {
  const text = textOf(lines);
  const deflated = deflater.deflate(lines);
  assert.ok(deflated !== undefined, 'left to zlib');
  assert.equal(inflate(deflated), text);
  assert.deepEqual([deflated.length, deflated.crc >>> 0], [text.length, crc32(text)]);
}

const name = fc.stringMatching(/^[a-z_]{1,40}$/);
const value = fc.oneof(
  fc.nat(),
  fc.maxSafeNat(),
  fc.constantFrom(0, 1e21, -0, Infinity, -Infinity, 0.1, 5e-324, -1.7976931348623157e308),
);
/** Label texts of which each is one before with a part of it changed, or nothing like it. */
const labels = fc
  .array(
    fc.record({
      like: fc.nat(12),
      from: fc.nat(700),
      without: fc.nat(700),
      text: fc.stringMatching(/^[ -~]{0,20}$/),
      times: fc.constantFrom(0, 1, 1, 1, 15, 400),
    }),
    { minLength: 1, maxLength: 80 },
  )
  .map((steps) => {
    const texts: string[] = [];
    for (const { like, from, without, text, times } of steps) {
      const before = texts.at(-1 - like) ?? '';
      const changed = before.slice(0, from) + text.repeat(times) + before.slice(from + without);
      texts.push(changed.slice(0, 10_000) || 'a');
    }
    return texts;
  });

function takeFrom(values: fc.Stream<number>, texts: readonly string[]): number[] {
  return [...values.take(texts.length)];
}

test('lines that are alike, or are not, come out as they are', () => {
  fc.assert(
    fc.property(name, labels, fc.infiniteStream<number>(value), (of, texts, values) => {
      const lines = { name: of, labels: texts, values: takeFrom(values, texts) };
      assertSaysWhatItSays(lines);
      // once more, with what is known of the label texts by now
      assertSaysWhatItSays({ ...lines, name: `${of}_total`, values: takeFrom(values, texts) });
    }),
    { numRuns: 300 },
  );
});

test('a value has the digits that a string of it has', () => {
  const near = Array.from({ length: 17 }, (_, power) => 10 ** power).flatMap((ten) => [ten - 1, ten, ten + 1, 7 * ten]);
  const most = Number.MAX_SAFE_INTEGER;
  const values = [...near, most - 1, most, most + 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32, -1, 1.5, 1e20, 1e21];
  assertSaysWhatItSays({ name: 'n', labels: values.map((_, i) => `pod="${i}"`), values });
});

test('what is known of labels is taken over to others of which most are the same', () => {
  fc.assert(
    fc.property(labels, fc.infiniteStream(fc.integer({ min: 0, max: 9 })), (texts, dice) => {
      assertSaysWhatItSays({ name: 'n', labels: texts, values: texts.map((_, i) => i) });
      let labelsBefore = texts;
      for (let round = 0; round < 4; round++) {
        // left out, doubled with a change, or longer than before
        const next = labelsBefore.flatMap((text) => {
          const [die = 9] = dice.take(1);
          if (die > 2) return [text];
          return [[], [text, `${text}!`], [`${text.slice(0, 9)}${'-'.repeat(3_000)}${text.slice(9)}`]][die] ?? [];
        });
        if (next.length === 0) break;
        assertSaysWhatItSays({ name: 'n', labels: next, labelsBefore, values: next.map((_, i) => i) });
        labelsBefore = next;
      }
    }),
    { numRuns: 300 },
  );
});

test('matches of every length, and as far as lines go', () => {
  for (let length = 1; length < 600; length++) {
    const same = 'x'.repeat(length);
    assertSaysWhatItSays({ name: 'n', labels: [`a${same}`, `a${same}b`, `cc${same}b`], values: [1, 2, 3] });
  }
  const far = Array.from({ length: 9 }, (_, i) => `${i}`.repeat(4_000));
  assertSaysWhatItSays({
    name: 'n',
    labels: [...far, `${far[0] ?? ''}!`],
    values: Array.from({ length: 10 }, () => 7),
  });
});

test('what its codes are not made for is left to zlib, and comes out all the same', () => {
  const cases: SampleLines[] = [
    { name: 'n', labels: ['interface="ä"', 'interface="b"'], values: [1, 2] },
    { name: 'n', labels: ['a="\u0001"'], values: [1] },
    { name: 'n', labels: ['a="1"', 'a="2"'], values: [NaN, 2] },
    { name: 'n', labels: [''], values: [1] },
    { name: 'n'.repeat(129), labels: ['a="1"'], values: [1] },
  ];
  for (const lines of cases) {
    assert.equal(deflater.deflate(lines), undefined, JSON.stringify(lines));
    const kept = new DeflatedTexts([lines]).at(0);
    assert.equal(kept && inflate(kept), textOf(lines));
  }
  assert.equal(new DeflatedTexts([{ name: 'n', labels: [], values: [] }]).at(0), undefined);
  assert.equal(new DeflatedTexts([{ name: 'n', labels: ['a="1"'], values: [NaN] }]).at(0), undefined);
});

test('the lines of a node take no more than zlib makes of them and half as much again', () => {
  const pod = (i: number): string =>
    ['eth0', 'net1']
      .map(
        (iface) =>
          `node="node-1",namespace="telco",pod="upf-7d9f8b6c5-${(i * 7919).toString(36)}",interface="${iface}"`,
      )
      .join('|');
  const texts = Array.from({ length: 30 }, (_, i) => pod(i).split('|')).flat();
  const lines = {
    name: 'podnet_interface_receive_bytes_total',
    labels: texts,
    values: texts.map((_, i) => i * 123_456_789),
  };
  assert.ok(new DeflatedTexts([lines]).bytes < 1.5 * new DeflatedTexts([textOf(lines)]).bytes);
});
