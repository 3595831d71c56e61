import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { renderQuantity } from '../../../apiserver/api/quantity.js';

// Contract 2.4: what apimachinery resource.Quantity prints.
const CANONICAL: readonly (readonly [number, string])[] = [
  [0, '0'],
  [-0, '0'],
  [0.001, '1m'],
  [1, '1'],
  [1.5, '1500m'],
  [1_000, '1k'],
  [1_234, '1234'],
  [1_500, '1500'],
  [1_024, '1024'],
  [20_000, '20k'],
  [1_500_000, '1500k'],
  [1e6, '1M'],
  [-1.5, '-1500m'],
  [1e9, '1G'],
  [1e12, '1T'],
  [1e15, '1P'],
  [9.1e15, '9100T'],
];

for (const [value, text] of CANONICAL) {
  test(`${value} is ${text}`, () => {
    assert.equal(renderQuantity(value), text);
  });
}

test('finer than a milli is rounded up, and the noise of a double is not finer', () => {
  assert.equal(renderQuantity(1e-9), '1m');
  assert.equal(renderQuantity(0.000_5), '1m');
  assert.equal(renderQuantity(1.1), '1100m');
  assert.equal(renderQuantity(1.100_1), '1101m');
});

test('what may be less than a milli is told to the micro, rounded up', () => {
  const told: readonly (readonly [number, string])[] = [
    ...([
      [0, '0'],
      [0.000_125, '125u'],
      [0.000_000_1, '1u'],
      [0.000_2, '200u'],
      [0.001, '1m'],
    ] as const),
    ...([
      [0.020_3, '20300u'],
      [0.020_300_4, '20301u'],
      [0.5, '500m'],
      [1, '1'],
      [10, '10'],
      [1_000, '1k'],
    ] as const),
  ];
  for (const [seconds, text] of told) assert.equal(renderQuantity(seconds, 'u'), text, String(seconds));
});

test('what a quantity cannot hold is no quantity', () => {
  for (const value of [NaN, Infinity, -Infinity, 9.2e15, 1e18, -9.3e15])
    assert.equal(renderQuantity(value), undefined, String(value));
});

test('every quantity is canonical and at most a milli above its value', () => {
  const SUFFIX: Readonly<Record<string, number>> = { m: 1, '': 1e3, k: 1e6, M: 1e9, G: 1e12, T: 1e15, P: 1e18 };
  fc.assert(
    fc.property(fc.double({ min: 0, max: 9e9, noNaN: true }), (value) => {
      const match = /^(\d+)([mkMGTP]?)$/.exec(renderQuantity(value) ?? '');
      const [mantissa, suffix] = [match?.[1] ?? '', match?.[2] ?? ''];
      assert.ok(mantissa === '0' || suffix === 'P' || !mantissa.endsWith('000'));
      const milli = Number(mantissa) * (SUFFIX[suffix] ?? NaN);
      assert.ok(milli >= value * 1_000 * (1 - 1e-14) - 1e-6 && milli <= value * 1_000 + 1 + 1e-6);
    }),
  );
});
