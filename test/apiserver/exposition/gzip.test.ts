import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { test } from 'node:test';
import { createGunzip, gunzipSync } from 'node:zlib';
import { deflate, DeflatedTexts, inflate } from '../../../apiserver/exposition/deflated.js';
import { gzipOf } from '../../../apiserver/exposition/gzip.js';

/** Hardly to be compressed, or very well, of sizes on both sides of zlib's and our own buffers. */
function randomText(): string {
  const length = [0, 1, 300, 16_384 + randomInt(-40, 40), 65_536 + randomInt(-40, 40), 200_000][randomInt(6)] ?? 0;
  return randomInt(2) === 0
    ? randomBytes(Math.ceil(length / 2)).toString('latin1')
    : 'ä{pod="a"} 1\n'.repeat(Math.ceil(length / 13));
}

function zip(texts: readonly string[]): Buffer {
  return Buffer.concat([...gzipOf(texts.map(deflate))]);
}

test('texts become one member that says what they say, whatever they are', () => {
  for (let i = 0; i < 60; i++) {
    const texts = Array.from({ length: randomInt(30) }, randomText);
    assert.ok(gunzipSync(zip(texts)).toString() === texts.join(''), texts.map((text) => text.length).join(' '));
  }
});

test('gzip and python read it, and a reader of a single member reads all of it', () => {
  const texts = Array.from({ length: 40 }, randomText);
  const input = zip(texts);
  const maxBuffer = 64 * 1024 * 1024;
  assert.deepEqual(spawnSync('gzip', ['-t'], { input }).status, 0);
  assert.ok(spawnSync('gzip', ['-dc'], { input, maxBuffer }).stdout.toString() === texts.join(''));
  const oneMember = [
    'import sys, zlib',
    'one = zlib.decompressobj(31)',
    'sys.stdout.buffer.write(one.decompress(sys.stdin.buffer.read()))',
    'assert one.eof and not one.unused_data',
  ].join('\n');
  const python = spawnSync('python3', ['-c', oneMember], { input, maxBuffer });
  if (python.error === undefined) assert.ok(python.stdout.toString() === texts.join(''), python.stderr.toString());
});

test('a text that was damaged is refused, as its CRC is that of the whole', async () => {
  const good = deflate('a 1\n');
  const bad = [...gzipOf([deflate('b 2\n'), { ...good, crc: good.crc ^ 1 }, good])];
  const gunzip = createGunzip();
  gunzip.end(Buffer.concat(bad));
  await assert.rejects(gunzip.toArray(), { code: 'Z_DATA_ERROR' });
});

test('texts kept together come out one by one; empty ones and those beyond are none', () => {
  const texts = Array.from({ length: 50 }, randomText);
  const kept = new DeflatedTexts(texts);
  texts.forEach((text, i) => {
    const one = kept.at(i);
    assert.ok((one === undefined ? '' : inflate(one)) === text);
  });
  assert.equal(kept.at(texts.length), undefined);
  assert.equal(new DeflatedTexts([]).at(0), undefined);
  assert.equal(new DeflatedTexts(['']).at(0), undefined);
});

test('chunks are few, and none is held back for long', () => {
  const texts = Array.from({ length: 5_000 }, () => deflate(randomBytes(150).toString('hex')));
  const sizes = [...gzipOf(texts)].map((chunk) => chunk.length);
  assert.ok(sizes.every((size) => size <= 262_144));
  assert.ok(
    sizes.slice(0, -1).every((size) => size > 60_000),
    sizes.join(' '),
  );
});
