import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { crc32Combine, crc32Shift } from '../../../apiserver/exposition/crc32.js';

test('the CRC of two texts is that of both in one, whatever they are', () => {
  for (let i = 0; i < 2_000; i++) {
    const [a, b] = [randomBytes(randomInt(300)), randomBytes(randomInt(i < 20 ? 1_000_000 : 300))];
    const combined = crc32Combine(crc32(a), crc32(b), crc32Shift(b.length));
    assert.equal(combined, crc32(Buffer.concat([a, b])), `${a.toString('hex')} ${b.length}`);
  }
});

test('nothing changes no CRC', () => {
  const crc = crc32('something');
  assert.equal(crc32Combine(crc, crc32(''), crc32Shift(0)), crc);
  assert.equal(crc32Combine(0, crc, crc32Shift(9)), crc);
});

test('lengths add up, to more than 32 bits have', () => {
  const crc = crc32('something');
  const moved = (...lengths: number[]): number =>
    lengths.reduce((sum, length) => crc32Combine(sum, 0, crc32Shift(length)), crc);
  assert.equal(moved(2 ** 33 + 5), moved(2 ** 32, 5, 2 ** 32));
  assert.equal(moved(3_000_000_000), moved(1_000_000_000, 2_000_000_000));
});
