// What a Secret says, and what is due: no I/O.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  caBundle,
  dueStep,
  PUBLISHED_BEFORE_USE_MS,
  readAuthority,
  renderAuthority,
  useNext,
} from '../../../apiserver/tls/authority.js';
import { createAuthority } from '../../../apiserver/tls/self-made.js';

const YEAR_MS = 365 * 24 * 3_600_000;
const NOW = Date.parse('2026-11-21T00:00:00Z');
const [current, next, other] = await Promise.all([1, 2, 3].map(() => createAuthority(NOW)));
assert.ok(current !== undefined && next !== undefined && other !== undefined);
const count = (bundle: string): number => bundle.split('-----BEGIN').length - 1;

test('what is rendered is read again', () => {
  const authority = { current, next: { pair: next, sinceMs: NOW }, earlier: [] };
  const { authority: read, problem } = readAuthority(renderAuthority(authority, NOW), NOW);
  assert.deepEqual([read?.current, read?.next, problem], [current, { pair: next, sinceMs: NOW }, '']);
  assert.equal(count(read === undefined ? '' : caBundle(read, NOW)), 2);
});

test('the next authority is made with a tenth of the life left', () => {
  const authority = { current, earlier: [] };
  assert.equal(dueStep(authority, NOW + 8.9 * YEAR_MS), undefined);
  assert.equal(dueStep(authority, NOW + 9.1 * YEAR_MS), 'make_next');
});

test('the next authority signs when it was published for its time', () => {
  const since = (sinceMs: number | undefined) => ({ current, next: { pair: next, sinceMs }, earlier: [] });
  assert.equal(dueStep(since(NOW), NOW + PUBLISHED_BEFORE_USE_MS - 1), undefined);
  assert.equal(dueStep(since(NOW), NOW + PUBLISHED_BEFORE_USE_MS), 'use_next');
  assert.equal(dueStep(since(undefined), NOW), 'note_next');
});

test('what signed before stays trusted once, until it expires', () => {
  const rotated = useNext({ current, next: { pair: next, sinceMs: NOW }, earlier: [current.cert, other.cert] });
  assert.equal(rotated.current, next);
  assert.equal(count(caBundle(rotated, NOW)), 3);
  assert.equal(count(caBundle(rotated, NOW + 11 * YEAR_MS)), 0);
});

test('an unusable current authority gives way to the next one', () => {
  const text = {
    ...renderAuthority({ current, next: { pair: next, sinceMs: NOW }, earlier: [] }, NOW),
    'tls.key': 'x',
  };
  const { authority, problem } = readAuthority(text, NOW);
  assert.deepEqual([authority?.current, authority?.next], [next, undefined]);
  assert.match(problem, /the key is not usable/);
});

test('whatever is in the bundle, only authorities are read, and only so many', async () => {
  const many = await Promise.all(Array.from({ length: 12 }, () => createAuthority(NOW)));
  const certs = many.map(({ cert }) => cert);
  const text = { 'ca.crt': `garbage${certs.join('\n')}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----` };
  const { authority, bundle } = readAuthority(text, NOW);
  assert.deepEqual([authority, bundle.length], [undefined, 12]);
  assert.equal(count(caBundle({ current, earlier: bundle }, NOW)), 8);
});
