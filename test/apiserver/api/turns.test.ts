// Answers that take long to make leave others their turn, and are no other for it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkReport } from '../../../apiserver/ingest/check.js';
import { createTestServer, type TestServer } from '../../support/app.js';
import { createManualClock } from '../../support/clock.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

const NODES = 10;
const PODS = 40;
const CUSTOM = '/apis/custom.metrics.k8s.io/v1beta2';
const EXTERNAL = '/apis/external.metrics.k8s.io/v1beta1/namespaces';
const RATE = 'network_receive_bytes_per_second';

/** @param msPerLook what every look at the clock takes */
async function serverOf(msPerLook: number): Promise<TestServer> {
  const clock = createManualClock();
  const slow = {
    ...clock,
    monotonicMs: () => {
      clock.advance(msPerLook);
      return clock.monotonicMs();
    },
  };
  const server = createTestServer({ clock: slow });
  for (const second of [1, 2]) {
    for (let node = 0; node < NODES; node++) {
      const pods = Array.from({ length: PODS }, (_, i) => {
        const name = `web-${node * PODS + i}`;
        const readings = [readingOf(100 * (i + 1) * second)];
        const interfaces = [
          interfaceReport({ readings }),
          interfaceReport({
            ...{ name: 'net1', network: `n${i % 3}`, nadNamespace: 'telco' },
            primary: false,
            readings,
          }),
        ];
        return podReport({ namespace: i % 2 === 0 ? 'even' : 'odd', name, uid: name, interfaces });
      });
      const report = nodeReport(second * 1_000, { node: `node-${node}`, bootId: `boot-${node}`, pods });
      assert.equal((await server.push(report)).statusCode, 200);
    }
  }
  return server;
}

/** With what depends on the time that it took to answer. */
interface Listed {
  readonly timestamp?: string;
  readonly ageSeconds?: number;
  readonly samples?: unknown;
}

/** Turns of the event loop that others had while this was asked. */
async function turnsOf(server: TestServer, path: string) {
  let turns = 0;
  let isOver = false;
  const tick = (): void => {
    turns++;
    if (!isOver) setImmediate(tick);
  };
  setImmediate(tick);
  const answer = server.get<{ items?: Listed[]; pods?: Listed[] }>(path);
  const { statusCode, body } = await answer.finally(() => {
    isOver = true;
  });
  assert.equal(statusCode, 200);
  const listed = body.items ?? body.pods ?? [];
  return { turns, items: listed.map(({ timestamp: _, ageSeconds: _a, samples: _s, ...rest }) => rest) };
}

for (const [what, path, count] of [
  ['pods of a namespace', `${CUSTOM}/namespaces/even/pods/*/${RATE}`, (NODES * PODS) / 2],
  ['sums of nodes', `${CUSTOM}/nodes/*/${RATE}`, NODES],
  ['sums of networks', `${CUSTOM}/namespaces/telco/network-attachment-definitions.k8s.cni.cncf.io/*/${RATE}`, 3],
  ['interfaces of all namespaces', '/apis/podnet.dev/v1alpha1/podnetworks', 2 * NODES * PODS],
  ['the sum of a namespace', `${CUSTOM}/namespaces/even/metrics/${RATE}`, 1],
  [
    'what the sum of a namespace is made of',
    `/apis/podnet.dev/v1alpha1/namespaces/even/explain/${RATE}`,
    (NODES * PODS) / 2,
  ],
  ['the sum of all pods', `${EXTERNAL}/podnet-system/${RATE}`, 1],
  ['the sum of a network', `${EXTERNAL}/telco/${RATE}?labelSelector=network%3Dn1,nad_namespace%3Dtelco`, 1],
  ['a page of interfaces', '/apis/podnet.dev/v1alpha1/podnetworks?limit=30', 30],
] as const) {
  test(`the answer of ${what} is made in turns`, async () => {
    const [quick, slow] = [await turnsOf(await serverOf(0), path), await turnsOf(await serverOf(1), path)];
    assert.equal(slow.items.length, count);
    assert.deepEqual(slow.items, quick.items);
    assert.ok(slow.turns >= quick.turns + 2, `${slow.turns} turns, and ${quick.turns} where nothing takes time`);
  });
}

for (const [what, headers] of [
  ['objects', {}],
  ['a Table', { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }],
] as const) {
  test(`a long list of ${what} is the JSON that it would be at one stretch, compact and indented`, async () => {
    const server = await serverOf(1);
    for (const [query, spaces] of [
      ['', 0],
      ['?pretty=true', 2],
      ['?pretty=true&limit=3', 2],
      ['?pretty=true&labelSelector=app%3Dnone', 2],
    ] as const) {
      const { text, body } = await server.get(`/apis/podnet.dev/v1alpha1/podnetworks${query}`, headers);
      if (query === '') assert.ok(text.length > 3 * 64 * 1024, `${text.length} characters`);
      const again = `${JSON.stringify(body, null, spaces)}\n`;
      assert.ok(text === again, `${query}: ${text.slice(0, 400)}…`);
    }
  });
}

test('a list in pages is the whole list, and each page tells how many are left', async () => {
  const server = await serverOf(1);
  const root = '/apis/podnet.dev/v1alpha1/podnetworks';
  interface List {
    readonly metadata: { readonly continue?: string; readonly remainingItemCount?: number };
    readonly items: readonly { readonly metadata: { readonly namespace: string; readonly name: string } }[];
  }
  const placesOf = ({ items }: List) => items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  const whole = placesOf((await server.get<List>(root)).body);
  for (const filter of ['', '&fieldSelector=interface%3Dnet1']) {
    const expected = filter === '' ? whole : whole.filter((place) => place.endsWith('.net1'));
    const found: string[] = [];
    for (let next = ''; ;) {
      const { body } = await server.get<List>(`${root}?limit=70${filter}${next}`);
      found.push(...placesOf(body));
      const left = expected.length - found.length;
      assert.equal(body.metadata.remainingItemCount, left === 0 || filter !== '' ? undefined : left);
      if (body.metadata.continue === undefined) break;
      next = `&continue=${body.metadata.continue}`;
    }
    assert.deepEqual(found, expected);
    assert.equal(found.length, (filter === '' ? 2 : 1) * NODES * PODS);
  }
});

test('a pod that goes while a list is made is left out of it', async () => {
  const server = await serverOf(1);
  const root = '/apis/podnet.dev/v1alpha1/namespaces/even/podnetworks';
  const answer = server.get<{ items: { readonly pod: { readonly name: string } }[] }>(root);
  await new Promise((resolve) => setImmediate(resolve));
  const kept = podReport({ namespace: 'even', name: 'web-0', uid: 'web-0' });
  for (const report of Array.from({ length: NODES }, (_, node) => node)) {
    const sender = { node: `node-${report}`, bootId: `boot-${report}` };
    server.store.ingest(checkReport(nodeReport(3_000, { ...sender, pods: report === 0 ? [kept] : [] })).report, 3_000);
  }
  const { items } = (await answer).body;
  assert.ok(items.length >= 1 && items.length < NODES * PODS, `${items.length} items`);
  assert.equal(items.filter(({ pod }) => pod.name === 'web-0').length, 1);
});
