import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CELL_NODES, peersOf, ringOrder, type RingNode } from '../../../nodeagent/probes/ring.js';

const RUNS = { numRuns: 60 };
const MAX_NODES = 2_000;

/** Clusters of 1 to 2,000 nodes in 1 to 5 zones, of any sizes. */
const cluster = fc
  .record({
    size: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: MAX_NODES })),
    seed: fc.nat(),
    zoneWeights: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
  })
  .map(({ size, seed, zoneWeights }): RingNode[] => {
    const zones = zoneWeights.flatMap((weight, i) => Array.from({ length: weight }, () => `zone-${i}`));
    return Array.from({ length: size }, (_, i) => ({
      node: `node-${seed}-${i}`,
      zone: zones[(i * 7 + seed) % zones.length] ?? '',
    }));
  });
const count = fc.integer({ min: 1, max: 8 });

describe('ringOrder', () => {
  it('has every node dialled by exactly min(k, n - 1) others, and dialling as many', () => {
    fc.assert(
      fc.property(cluster, count, (nodes, k) => {
        const dialled = Math.min(k, nodes.length - 1);
        const probers = new Map(nodes.map(({ node }) => [node, new Set<string>()]));
        for (const [from, to] of pairsOf(nodes, k)) {
          assert.notEqual(from, to);
          probers.get(to)?.add(from);
        }
        for (const [node, { size }] of probers) assert.equal(size, dialled, node);
        // series grow as k × n
        assert.equal(pairsOf(nodes, k).length, nodes.length * dialled);
      }),
      RUNS,
    );
  });

  it('is the same in whatever order nodes are listed', () => {
    fc.assert(
      fc.property(cluster, (nodes) => assert.deepEqual(ringOrder(nodes.toReversed()), ringOrder(nodes))),
      RUNS,
    );
  });

  it('changes at most k × (2 × (cell + k) + 1) pairs when a node comes or goes', () => {
    fc.assert(
      fc.property(cluster, count, fc.nat(), fc.constantFrom('zone-0', 'zone-1', 'zone-new'), (nodes, k, seed, zone) => {
        const grown = [...nodes, { node: `another-${seed}`, zone }];
        const before = new Set(pairsOf(nodes, k).map(String));
        const after = new Set(pairsOf(grown, k).map(String));
        const changed = [...before].filter((pair) => !after.has(pair)).length + difference(after, before);
        assert.ok(changed <= k * (2 * (CELL_NODES + k) + 1), `${changed} pairs of ${nodes.length} nodes, k = ${k}`);
      }),
      RUNS,
    );
  });

  it('puts neighbours in different zones where zones are of one size', () => {
    for (const zones of [2, 3]) {
      const nodes = Array.from({ length: 600 }, (_, i) => ({ node: `node-${i}`, zone: `zone-${i % zones}` }));
      const zoneOf = new Map(nodes.map(({ node, zone }) => [node, zone]));
      const first = pairsOf(nodes, 1);
      const across = first.filter(([from, to]) => zoneOf.get(from) !== zoneOf.get(to)).length / first.length;
      // by chance it would be 1/2 and 2/3
      assert.ok(across > (zones === 2 ? 0.75 : 0.85), `${zones} zones: ${across}`);
    }
  });

  it('knows clusters of one and of none', () => {
    assert.deepEqual(ringOrder([]), []);
    assert.deepEqual(peersOf('a', ringOrder([{ node: 'a', zone: '' }]), 4), []);
    assert.deepEqual(peersOf('nobody', ringOrder([{ node: 'a', zone: '' }]), 4), []);
  });
});

function pairsOf(nodes: readonly RingNode[], k: number): [from: string, to: string][] {
  const ring = ringOrder(nodes);
  const places = new Map(ring.map((node, i) => [node, i]));
  return ring.flatMap((from) => {
    const at = places.get(from) ?? 0;
    // the same as the whole ring, without looking for the node in it
    const window = [
      from,
      ...Array.from({ length: Math.min(k, ring.length - 1) }, (_, i) => ring[(at + 1 + i) % ring.length] ?? ''),
    ];
    return (ring.length <= 50 ? peersOf(from, ring, k) : window.slice(1)).map((to): [string, string] => [from, to]);
  });
}

function difference(of: ReadonlySet<string>, from: ReadonlySet<string>): number {
  return [...of].filter((pair) => !from.has(pair)).length;
}
