import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isSuspect, suspectSummary, worstOf } from '../../../apiserver/store/suspect-summary.js';
import { suspectsOf, type Suspicion } from '../../../apiserver/store/suspects.js';
import { checkReport } from '../../../apiserver/ingest/check.js';
import { Store } from '../../../apiserver/store/store.js';
import type { DialSeries } from '../../../openapi/probe-report.js';
import { dialSeries, probeReport, serviceDial } from '../../support/probe-reports.js';
import { dialsOf, nodeOf, recentOf, type Mesh, type MeshDial, type Went } from '../../support/probe-mesh.js';

const FLOOR = 0.005;
const FAST = 0.000_3;
const DELAY = 0.02;

/** What an agent says of its dials. */
interface Said {
  readonly node: string;
  readonly dials: readonly DialSeries[];
}

const AT_MS = 1_000;

function report(store: Store, { node, dials }: Said, atMs = AT_MS): void {
  const sender = { node, bootId: `boot-${node}`, instance: { id: `instance-${node}`, startedAt: 0 } };
  const { report: accepted } = checkReport(probeReport(atMs, { dials: [...dials] }, sender));
  assert.ok(store.ingest(accepted, atMs).ok);
}

function storeOf(said: readonly Said[]): Store {
  const store = new Store({ historyMs: 300_000 });
  for (const one of said) report(store, one);
  return store;
}

const seenIn = (store: Store, nowMs = AT_MS): Suspicion[] => suspectsOf(store.dialled, nowMs, FLOOR);

/** What each of a mesh says. */
function saidIn(mesh: Mesh, went: (dial: MeshDial) => Went, probers = mesh.zones.map((_, place) => place)): Said[] {
  return probers.map((place) => ({ node: nodeOf(place), dials: dialsOf(mesh, place, went) }));
}

const seen = (...mesh: Parameters<typeof saidIn>): Suspicion[] => seenIn(storeOf(saidIn(...mesh)));

/** By node, and where there is more than one network by `node/network`. */
function ratios(all: readonly Suspicion[]): Record<string, number> {
  return Object.fromEntries(
    all.map(({ node, network, ratio }) => [network === 'default' ? node : `${node}/${network}`, ratio]),
  );
}

const ofZone = (count: number, zone = ''): string[] => Array.from({ length: count }, () => zone);
const SIX: Mesh = { zones: ofZone(6), k: 4 };
const touches = ({ prober, peer }: MeshDial, place: number): boolean => prober === place || peer === place;

test('all is well: every node that is dialled has a ratio, and it is 0', () => {
  assert.deepEqual(
    seen(SIX, () => FAST),
    SIX.zones.map((_, place) => ({ node: nodeOf(place), network: 'default', probers: 4, seeing: 0, ratio: 0 })),
  );
});

test('of six with four probers each a dead one has 1, the others 0', () => {
  const went = ({ peer }: MeshDial): Went => (peer === 2 ? 'failing' : FAST);
  assert.deepEqual(ratios(seen(SIX, went, [0, 1, 3, 4, 5])), {
    ...{ 'node-a': 0, 'node-b': 0, 'node-c': 1 },
    ...{ 'node-d': 0, 'node-e': 0, 'node-f': 0 },
  });
  // Its last report is still fresh: it could reach nobody.
  const cutOff = (dial: MeshDial): Went => (touches(dial, 2) ? 'failing' : FAST);
  for (const { node, ratio } of seen(SIX, cutOff)) {
    if (node === 'node-c') assert.equal(ratio, 1);
    else assert.ok(ratio <= 1 / 4, `${node} ${ratio}`);
  }
});

for (const count of [5, 6, 12]) {
  test(`of ${count} one that is 20 ms late has 1, the others that it dials a quarter`, () => {
    const mesh = { zones: ofZone(count), k: 4 };
    for (const { node, probers, seeing } of seen(mesh, (dial) => (touches(dial, 1) ? DELAY + FAST : FAST))) {
      assert.equal(probers, 4);
      if (node === 'node-b') assert.equal(seeing, 4);
      else assert.ok(seeing <= 1, `${node} ${seeing}`);
    }
  });
}

test('one that is slow to dial others is nobody else than itself: each of those has one of four', () => {
  const all = seen(SIX, ({ prober }) => (prober === 0 ? DELAY : FAST));
  assert.deepEqual(ratios(all), {
    ...{ 'node-a': 0, 'node-b': 0.25, 'node-c': 0.25 },
    ...{ 'node-d': 0.25, 'node-e': 0.25, 'node-f': 0 },
  });
});

test('one way only: slow to be dialled, and quick to dial', () => {
  const all = seen(SIX, ({ peer }) => (peer === 0 ? DELAY : FAST));
  assert.deepEqual(
    all.filter(({ ratio }) => ratio > 0).map(({ node, ratio }) => [node, ratio]),
    [['node-a', 1]],
  );
});

const VERDICTS: readonly (readonly [string, NonNullable<ReturnType<typeof recentOf>>, boolean])[] = [
  ['the newest failed', { attempts: 8, failures: 1, lastFailed: true, medianSeconds: FAST }, true],
  ['half failed', { attempts: 8, failures: 4, lastFailed: false, medianSeconds: FAST }, true],
  ['fewer than half failed', { attempts: 8, failures: 3, lastFailed: false, medianSeconds: FAST }, false],
  ['one of three failed', { attempts: 3, failures: 1, lastFailed: false, medianSeconds: FAST }, false],
  ['the floor is not slow', { attempts: 8, failures: 0, lastFailed: false, medianSeconds: FLOOR }, false],
  ['slower than the floor', { attempts: 8, failures: 0, lastFailed: false, medianSeconds: 0.005_1 }, true],
];
for (const [name, recent, isSeen] of VERDICTS) {
  test(`a prober's verdict: ${name}`, () => {
    const probers = SIX.zones.map((_, place) => ({
      node: nodeOf(place),
      dials: dialsOf(SIX, place, () => FAST).map((dial) =>
        place === 0 && dial.peer?.node === 'node-b' ? { ...dial, recent } : dial,
      ),
    }));
    assert.equal(ratios(seenIn(storeOf(probers)))['node-b'], isSeen ? 0.25 : 0);
  });
}

test('distance between zones is not slowness, and what is slow beside it is', () => {
  // Three zones of eight; 8 ms from one to another, 0.3 within.
  const mesh = { zones: Array.from({ length: 24 }, (_, place) => `zone-${place % 3}`), k: 5 };
  const usual = ({ prober, peer }: MeshDial): number => (prober % 3 === peer % 3 ? FAST : 0.008);
  for (const { node, ratio } of seen(mesh, usual)) assert.equal(ratio, 0, node);
  const late = (dial: MeshDial): number => usual(dial) + (touches(dial, 4) ? 0.03 : 0);
  for (const { node, seeing } of seen(mesh, late)) {
    if (node === 'node-e') assert.equal(seeing, 5);
    else assert.ok(seeing <= 1, node);
  }
  // 10 ms are usual between zones, and not within one.
  const near = (dial: MeshDial): number => (dial.peer === 4 && dial.prober % 3 === dial.peer % 3 ? 0.01 : usual(dial));
  assert.deepEqual(
    seen(mesh, near).flatMap(({ node, seeing }) => (seeing > 0 ? [[node, seeing]] : [])),
    [['node-e', 1]],
  );
});

test('a node alone in its zone is not suspected for its distance up to four times the floor', () => {
  const mesh = { zones: [...ofZone(8, 'near'), 'far'], k: 4 };
  const at = (seconds: number) => ratios(seen(mesh, (dial) => (touches(dial, 8) ? seconds : FAST)))['node-i'];
  assert.equal(at(0.02), 0);
  assert.equal(at(0.021), 1);
});

test('of two and of three nobody can tell who is slow: four times the floor is', () => {
  for (const count of [2, 3]) {
    const mesh = { zones: ofZone(count), k: 4 };
    for (const { ratio } of seen(mesh, () => 0.02)) assert.equal(ratio, 0);
    for (const { ratio } of seen(mesh, () => 0.021)) assert.equal(ratio, 1);
  }
  const three = seen({ zones: ofZone(3), k: 4 }, (dial) => (touches(dial, 0) ? 0.03 : FAST));
  assert.deepEqual(ratios(three), { 'node-a': 1, 'node-b': 0.5, 'node-c': 0.5 });
  assert.deepEqual(
    three.filter(isSuspect).map(({ node }) => node),
    ['node-a'],
  );
});

test('four nodes tell the slow one from the others', () => {
  const four = seen({ zones: ofZone(4), k: 4 }, (dial) => (touches(dial, 0) ? DELAY : FAST));
  assert.equal(ratios(four)['node-a'], 1);
  for (const { node, seeing } of four) assert.ok(node === 'node-a' || seeing <= 1, node);
});

test('of two address families the worse one counts, whichever comes first', () => {
  for (const families of [
    ['ipv4', 'ipv6'],
    ['ipv6', 'ipv4'],
  ] as const) {
    const of = (bad: Went) =>
      ratios(seen({ ...SIX, families }, ({ peer, family }) => (peer === 0 && family === 'ipv6' ? bad : FAST)))[
        'node-a'
      ];
    assert.equal(of('failing'), 1);
    assert.equal(of(DELAY), 1);
    assert.equal(of(undefined), 0);
  }
});

test('each network is seen for itself', () => {
  const mesh = { ...SIX, networks: ['default', 'sriov'] };
  const all = seen(mesh, ({ peer, network }) => (peer === 0 && network === 'sriov' ? 'failing' : FAST));
  assert.equal(all.length, 12);
  assert.deepEqual(
    all.slice(0, 3).map(({ node, network, ratio }) => [node, network, ratio]),
    [
      ['node-a', 'default', 0],
      ['node-a', 'sriov', 1],
      ['node-b', 'default', 0],
    ],
  );
});

test('a prober that has not dialled yet is none, and a node without one has no ratio', () => {
  const all = seen(SIX, ({ prober, peer }) => {
    if (peer === 0) return undefined;
    return peer === 1 && prober === 0 ? undefined : FAST;
  });
  assert.deepEqual(
    all.map(({ node, probers }) => [node, probers]),
    [
      ['node-b', 3],
      ['node-c', 4],
      ['node-d', 4],
      ['node-e', 4],
      ['node-f', 4],
    ],
  );
  assert.deepEqual(
    seen({ zones: [''], k: 4 }, () => FAST),
    [],
  );
  assert.deepEqual(seenIn(storeOf([])), []);
});

test('a series that comes twice, of itself or of the Service, makes no prober more', () => {
  const recent = recentOf('failing');
  const dials = [
    dialSeries({ peer: { node: 'node-b', zone: '' }, ...(recent && { recent }) }),
    dialSeries({ peer: { node: 'node-b', zone: '' }, ...(recent && { recent }) }),
    dialSeries({ peer: { node: 'node-a', zone: '' }, ...(recent && { recent }) }),
    serviceDial({ ...(recent && { recent }) }),
  ];
  assert.deepEqual(seenIn(storeOf([{ node: 'node-a', dials }])), [
    { node: 'node-b', network: 'default', probers: 1, seeing: 1, ratio: 1 },
  ]);
});

test('the order of the probers does not matter, where they agree on the zones', () => {
  const went = ({ prober, peer }: MeshDial): number => FAST * (1 + ((prober * 7 + peer * 13) % 90));
  const places = SIX.zones.map((_, place) => place);
  assert.deepEqual(seen(SIX, went, places.toReversed()), seen(SIX, went, places));
});

/** Of a liar: that it fails to reach some on some networks. */
const failing = (node: string, network = 'default', zone = ''): DialSeries =>
  dialSeries({ peer: { node, zone }, network, recent: { attempts: 8, failures: 8, lastFailed: true } });
const quick = (node: string, network = 'default', zone = ''): DialSeries =>
  dialSeries({
    peer: { node, zone },
    network,
    recent: { attempts: 8, failures: 0, lastFailed: false, medianSeconds: 0 },
  });

test('one agent cannot invent nodes, nor networks on which others fail', () => {
  const store = storeOf(saidIn(SIX, () => FAST));
  const all = seenIn(store);
  report(store, {
    node: 'liar',
    dials: [failing('nobody'), failing('node-b', 'nowhere'), failing('elsewhere', 'nowhere')],
  });
  assert.deepEqual(seenIn(store), all);
  report(store, { node: 'liar-2', dials: [failing('nobody')] });
  assert.equal(ratios(seenIn(store))['nobody'], 1, 'two agents are believed');
});

test('whatever one agent says, no other node is seen by more than it', () => {
  // Zones 8 ms apart: what is slow is told by them, and the liar says that one of the others is in the other one.
  const zoneOf = (place: number): string => `zone-${place % 2}`;
  const mesh = { zones: Array.from({ length: 24 }, (_, place) => zoneOf(place)), k: 4 };
  const usual = ({ prober, peer }: MeshDial): number => (prober % 2 === peer % 2 ? FAST : 0.008);
  const others = saidIn(mesh, usual).slice(1);
  for (const said of [failing, quick]) {
    for (const moved of others.keys()) {
      const dials = others.map(({ node }, i) => said(node, 'default', zoneOf(i === moved ? i : i + 1)));
      for (const { node, seeing } of seenIn(storeOf([{ node: nodeOf(0), dials }, ...others]))) {
        assert.ok(node === nodeOf(0) || seeing <= 1, `${node} ${seeing}`);
      }
    }
  }
});

test('a dead node is seen after the server has started anew, and for as long as others dial it', () => {
  const dead = ({ peer }: MeshDial): Went => (peer === 2 ? 'failing' : FAST);
  assert.equal(ratios(seen(SIX, dead, [0, 1, 3, 4, 5]))['node-c'], 1);
  // On a network of two nobody but the other can tell; it has been known there.
  const pair = { zones: ['', ''], k: 1, networks: ['sriov'] };
  const store = storeOf([...saidIn(SIX, () => FAST).slice(2), ...saidIn(pair, () => FAST)]);
  const silentMs = 600_000;
  for (const one of [...saidIn(SIX, () => FAST).slice(2), ...saidIn(pair, () => 'failing', [0])])
    report(store, one, silentMs);
  store.expire(silentMs);
  assert.equal(ratios(seenIn(store, silentMs))['node-b/sriov'], 1);
});

test('of two nodes the one that is left is believed', () => {
  assert.deepEqual(ratios(seen({ zones: ['', ''], k: 4 }, () => 'failing', [0])), { 'node-b': 1 });
});

test('what nobody says any more is forgotten', () => {
  const store = storeOf(saidIn(SIX, () => FAST));
  const { slots } = store.dialled;
  for (let round = 2; round < 50; round++) {
    report(store, { node: 'node-a', dials: [failing(`was-${round}`, `net-${round}`)] }, round * 1_000);
  }
  assert.ok(store.dialled.slots <= slots + 4, `${store.dialled.slots}`);
  assert.deepEqual(store.dialled.endsOf('was-48', 49_000), []);
  store.expire(1_000_000);
  assert.deepEqual(store.dialled.ends(1_000_000), []);
});

const wentOf = fc.oneof(
  fc.constant(undefined),
  fc.constant('failing' as const),
  fc.double({ min: 0, max: 10, noNaN: true }),
);

test('whatever was measured, a ratio is between 0 and 1, and there is one where there are probers', () => {
  const clusters = fc.record({
    zones: fc.array(fc.constantFrom('', 'a', 'b'), { minLength: 1, maxLength: 12 }),
    k: fc.integer({ min: 1, max: 5 }),
    went: fc.array(wentOf, { minLength: 1, maxLength: 40 }),
  });
  fc.assert(
    fc.property(clusters, ({ zones, k, went }) => {
      const mesh = { zones, k, networks: ['default', 'n'], families: ['ipv4', 'ipv6'] as const };
      const wentAt = ({ prober, peer, network, family }: MeshDial): Went =>
        went[(prober * 31 + peer * 17 + network.length * 5 + (family === 'ipv4' ? 0 : 3)) % went.length];
      const expected = new Set<string>();
      for (const [prober] of zones.entries()) {
        for (const { peer, network, recent } of dialsOf(mesh, prober, wentAt)) {
          if (recent !== undefined) expected.add(`${peer?.node ?? ''} ${network}`);
        }
      }
      const all = seen(mesh, wentAt);
      assert.deepEqual(new Set(all.map(({ node, network }) => `${node} ${network}`)), expected);
      for (const { probers, seeing, ratio } of all) {
        assert.ok(probers >= 1 && probers <= k && seeing >= 0 && seeing <= probers);
        assert.equal(ratio, seeing / probers);
      }
    }),
  );
});

const suspicion = (node: string, seeing: number, probers: number, network = 'default'): Suspicion => ({
  ...{ node, network, probers, seeing, ratio: seeing / probers },
});
const SUMMARIES: readonly (readonly [readonly Suspicion[], string | undefined])[] = [
  [[], undefined],
  [[suspicion('a', 0, 4), suspicion('b', 0, 4)], '0 of 2 nodes are suspect'],
  [
    [suspicion('a', 0, 4), suspicion('a', 4, 4, 'sriov'), suspicion('b', 1, 4)],
    '1 of 2 nodes is suspect, the worst is seen failing or slow by 4 of 4 probers on sriov',
  ],
  // One of two: nobody can tell whether it is the node or the prober.
  [
    [suspicion('a', 1, 2), suspicion('b', 2, 4)],
    '0 of 2 nodes are suspect, the worst is seen failing or slow by 2 of 4 probers on default',
  ],
  [
    [suspicion('a', 1, 1), suspicion('b', 3, 4)],
    '2 of 2 nodes are suspect, the worst is seen failing or slow by 1 of 1 probers on default',
  ],
];
for (const [all, summary] of SUMMARIES) {
  test(`in a sentence: ${summary ?? 'nothing where nobody probes'}`, () => {
    assert.equal(suspectSummary(all), summary);
  });
}

test('the worst is that of the highest ratio, then of the most probers, then the first', () => {
  const of = (...all: Suspicion[]) => worstOf(all)?.node;
  assert.equal(of(suspicion('a', 1, 4), suspicion('b', 1, 1), suspicion('c', 4, 4), suspicion('d', 4, 4)), 'c');
  assert.equal(of(suspicion('a', 0, 1), suspicion('b', 0, 4)), 'a');
  assert.equal(of(), undefined);
});
