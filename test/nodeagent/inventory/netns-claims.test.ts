import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { choose, grant, type Claim } from '../../../nodeagent/inventory/netns-claims.js';

/** A process of each container: `sandbox*` by its mark, the others by age. */
const anchorsOf = (...inodes: readonly (number | '7*')[]) =>
  inodes.map((inode, i) => ({
    pid: i + 1,
    startMs: i * 10,
    inode: inode === '7*' ? 7 : inode,
    isSandbox: inode === '7*',
  }));

describe('the namespace of a pod', () => {
  const cases = [
    { of: 'none', anchors: anchorsOf(), inode: undefined, isRooted: undefined },
    { of: 'the one that all are in', anchors: anchorsOf(1, 1), inode: 1, isRooted: true },
    { of: 'that of the majority', anchors: anchorsOf(2, 1, 1), inode: 1, isRooted: false },
    { of: 'that of the oldest, where votes are equal', anchors: anchorsOf(1, 2), inode: 1, isRooted: false },
    { of: 'that of the sandbox, whatever the others do', anchors: anchorsOf('7*', 2, 2), inode: 7, isRooted: false },
  ];
  for (const { of, anchors, inode, isRooted } of cases) {
    test(`is ${of}`, () => {
      const choice = choose(anchors);
      assert.deepEqual([choice?.inode, choice?.isRooted], [inode, isRooted]);
    });
  }
});

describe('a namespace that several pods are in', () => {
  const claim = (of: Partial<Claim>): Claim => ({
    inode: 1,
    hasSandbox: false,
    isRooted: true,
    isHeld: false,
    isContested: false,
    ...of,
  });
  const granted = (claims: Record<string, Partial<Claim>>) =>
    [...grant(new Map(Object.entries(claims).map(([pod, of]) => [pod, claim(of)])))].join();

  test('belongs to the only claimant', () => {
    assert.equal(granted({ a: {}, b: { inode: 2 } }), 'a,b');
  });
  test('belongs to the pod that had it before', () => {
    assert.equal(granted({ a: { isHeld: true }, b: {} }), 'a');
  });
  test('belongs to the pod that is rooted in it', () => {
    assert.equal(granted({ a: { isRooted: false }, b: {} }), 'b');
  });
  test('belongs to the pod whose sandbox is in it, even if another had it', () => {
    assert.equal(granted({ a: { isHeld: true }, b: { hasSandbox: true } }), 'b');
  });
  test('belongs to nobody in doubt', () => {
    assert.equal(granted({ a: {}, b: {} }), '');
    assert.equal(granted({ a: { hasSandbox: true }, b: { hasSandbox: true }, c: { isHeld: true } }), '');
    assert.equal(granted({ a: { isRooted: false }, b: { isRooted: false } }), '');
  });
  test('is not inherited when the other pod goes', () => {
    assert.equal(granted({ b: { isContested: true } }), '');
    assert.equal(granted({ b: { isContested: true, hasSandbox: true } }), 'b');
  });
});
