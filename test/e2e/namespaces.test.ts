// Real namespaces, real traffic, the whole path: kernel → agent → HTTPS → store → API.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { LabelGetter } from '../../apiserver/store/figure.js';
import { familyOfRate } from '../../metrics/catalogue.js';
import type { Apiserver } from '../../apiserver/start.js';
import type { NetnsDescription } from '../../nodeagent/inventory/netns-pods.js';
import type { Nodeagent } from '../../nodeagent/start.js';
import { ip, Testbed } from '../support/netns.js';
import {
  createCertificateFiles,
  createShiftedClock,
  eventually,
  fetchRates,
  fetchSamples,
  fetchText,
  runApiserver,
  runNodeagent,
} from '../support/programs.js';
import { missing } from '../support/requirements.js';

const PREFIX = 'pne2e';
const NETWORKS = ['cbr0', 'n3'];
const RECEIVE_RATE = 'network_receive_bytes_per_second';
const TRANSMIT_RATE = 'network_transmit_bytes_per_second';
const RECEIVE = 'podnet_interface_receive_bytes_total';
const TRANSMIT = 'podnet_interface_transmit_bytes_total';
/** On the link a datagram has 14 bytes of Ethernet, 20 of IPv4, 8 of UDP more than its payload. */
const HEADERS = 42;

const describePod = (name: string): NetnsDescription | undefined =>
  name.startsWith(PREFIX)
    ? {
        labels: { app: 'e2e' },
        attachments: new Map([
          ['eth0', { network: 'cbr0', nadNamespace: '', isDefault: true }],
          ['net1', { network: 'n3', nadNamespace: 'telco', isDefault: false }],
        ]),
      }
    : undefined;

describe('namespaces', { skip: missing('root', 'ip') }, () => {
  const clock = createShiftedClock();
  let certificate: Awaited<ReturnType<typeof createCertificateFiles>>;
  let testbed: Testbed;
  let server: Apiserver;
  let agent: Nodeagent;

  before(async () => {
    certificate = await createCertificateFiles();
    testbed = new Testbed(PREFIX, NETWORKS);
    for (const pod of ['a', 'b', 'c']) await testbed.addPod(pod);
    server = await runApiserver(certificate.flags, { clock });
    agent = await runNodeagent(server, [], { describe: describePod });
    await eventually(
      () => rates(),
      (seen) => seen.size >= 3,
    );
  });

  after(async () => {
    await agent.close();
    await server.close();
    await testbed.close();
    await certificate.remove();
  });

  const rates = async (selector = '', metric = RECEIVE_RATE) => {
    const seen = await fetchRates(server, metric, selector);
    return new Map([...seen].filter(([name]) => name.startsWith(PREFIX)));
  };

  /** A counter by pod and network, such as "b n3". */
  async function counters(family: string): Promise<Map<string, number>> {
    const samples = (await fetchSamples(server, family)).filter(({ labels }) => labels['pod']?.startsWith(PREFIX));
    const keyOf = (labels: Record<string, string>) =>
      `${labels['pod']?.slice(PREFIX.length + 1) ?? ''} ${labels['network'] ?? ''}`;
    return new Map(samples.map(({ labels, value }) => [keyOf(labels), value]));
  }

  function grown(earlier: ReadonlyMap<string, number>, later: ReadonlyMap<string, number>): Record<string, number> {
    const entries = [...later].map(([key, value]): [string, number] => [key, value - (earlier.get(key) ?? 0)]);
    return Object.fromEntries(entries.filter(([, growth]) => growth !== 0));
  }

  /** What the store makes of all that it knows of a pod on a network. */
  function wholeHistory(pod: string, network: string, metric: string) {
    const query = {
      matchesSeries: (label: LabelGetter) => label('network') === network,
      level: 'interface' as const,
      column: familyOfRate(metric)?.column ?? NaN,
      couldMatch: () => true,
      couldMatchOn: () => true,
      choosesNetworks: true,
      deviceLabels: [],
      windowMs: 300_000,
    };
    const known = server.pods.get('default', testbed.podName(pod), clock.monotonicMs());
    const figure = known && server.figures.ofPod(known, query, clock.monotonicMs());
    return figure?.ok === true ? figure : undefined;
  }

  test('bytes sent over each network come back as exactly those counters, per network and per pod', async () => {
    const [sentBefore, receivedBefore] = [await counters(TRANSMIT), await counters(RECEIVE)];
    testbed.send('a', 'b', { network: 'cbr0', count: 1_000, payload: 1_000 });
    testbed.send('a', 'b', { network: 'n3', count: 500, payload: 1_400 });
    testbed.send('c', 'a', { network: 'n3', count: 300, payload: 200 });
    const onCbr0 = 1_000 * (1_000 + HEADERS);
    const onN3 = 500 * (1_400 + HEADERS);
    const backOnN3 = 300 * (200 + HEADERS);
    await eventually(
      async () => grown(sentBefore, await counters(TRANSMIT)),
      (seen) => seen['c n3'] === backOnN3,
    );
    assert.deepEqual(grown(sentBefore, await counters(TRANSMIT)), { 'a cbr0': onCbr0, 'a n3': onN3, 'c n3': backOnN3 });
    assert.deepEqual(grown(receivedBefore, await counters(RECEIVE)), {
      'a n3': backOnN3,
      'b cbr0': onCbr0,
      'b n3': onN3,
    });
  });

  test('a rate over a network is what crossed it, and another network has none of it', async () => {
    const c = testbed.podName('c');
    await eventually(
      () => rates('window=1s', TRANSMIT_RATE),
      (seen) => seen.get(c) === '0',
    );
    testbed.send('c', 'b', { network: 'n3', count: 2_000, payload: 1_000 });
    await eventually(
      () => rates('network=n3,window=2s', TRANSMIT_RATE),
      (seen) => (seen.get(c) ?? '0') !== '0',
    );
    assert.equal((await rates('network=cbr0,window=2s', TRANSMIT_RATE)).get(c), '0');
  });

  test('a pod recreated under its name starts anew, without the numbers of its predecessor', async () => {
    const count = async () => (await counters(TRANSMIT)).get('c n3') ?? NaN;
    await eventually(count, (value) => value > 2_000_000);
    // At once, so that it may well get the inode of the one before.
    await testbed.removePod('c');
    await testbed.addPod('c');
    await eventually(count, (value) => value === 0);
    const seen = await eventually(
      () => rates('', TRANSMIT_RATE),
      (found) => found.has(testbed.podName('c')),
    );
    assert.equal(seen.get(testbed.podName('c')), '0');
  });

  test('an interface replaced under its name is a new counter, and its traffic is added to that of the old one', async () => {
    const count = async () => (await counters(TRANSMIT)).get('b n3') ?? NaN;
    const before = await count();
    const carried = 3_000 * (1_400 + HEADERS);
    testbed.send('b', 'a', { network: 'n3', count: 3_000, payload: 1_400 });
    await eventually(count, (value) => value === before + carried);
    testbed.replaceInterface('b', 'n3');
    testbed.send('b', 'a', { network: 'n3', count: 10, payload: 1_000 });
    const anew = 10 * (1_000 + HEADERS);
    await eventually(count, (value) => value === anew);
    // Its first sample was taken before anything was sent, so what has grown since is all that it ever sent.
    const { perSecond, spanMs } = wholeHistory('b', 'n3', TRANSMIT_RATE) ?? { perSecond: NaN, spanMs: NaN };
    assert.equal(Math.round((perSecond * spanMs) / 1_000), before + carried + anew);
  });

  test('a macvlan is told of by both programs as stacked on the network of its parent', async () => {
    const family = 'podnet_interface_stacked_info';
    const inPod = ['-n', testbed.podName('a'), 'link'];
    const ofPod = (text: string): string[] =>
      text.split('\n').filter((line) => line.startsWith(`${family}{`) && line.includes(testbed.podName('a')));
    const told = () =>
      Promise.all([
        fetch(`${agent.url}/metrics`).then(async (response) => ofPod(await response.text())),
        fetchText(server, `/metrics?family=${family}`).then(({ text }) => ofPod(text)),
      ]);
    ip(...inPod, 'add', 'link', 'net1', 'name', 'macv0', 'type', 'macvlan', 'mode', 'bridge');
    const [ofAgent, ofServer] = await eventually(told, (both) => both.every((lines) => lines.length === 1));
    assert.deepEqual(ofAgent, ofServer);
    assert.match(ofAgent.join(), /,interface="macv0",network="n3",nad_namespace="telco"} 1$/);
    ip(...inPod, 'del', 'macv0');
    await eventually(told, (both) => both.every((lines) => lines.length === 0));
  });

  test('an interface that vanishes takes its series with it and costs nothing else', async () => {
    testbed.removeInterface('c', 'n3');
    await eventually(
      async () => [...(await counters(RECEIVE)).keys()],
      (keys) => !keys.includes('c n3'),
    );
    assert.ok((await counters(RECEIVE)).has('c cbr0'));
    assert.ok((await rates()).has(testbed.podName('c')));
    assert.ok((await rates('network=n3')).has(testbed.podName('a')));
  });

  test('a restarted apiserver answers every window again after one push', async () => {
    const spanMs = () => wholeHistory('a', 'cbr0', RECEIVE_RATE)?.spanMs ?? NaN;
    const spanBeforeMs = spanMs();
    await server.close();
    server = await runApiserver([...certificate.flags, '--secure-port', new URL(server.url).port], { clock });
    const accepted = async () =>
      Number(
        /reports_total\{result="accepted",reason=""\} (\d+)/.exec((await fetchText(server, '/metrics')).text)?.[1] ?? 0,
      );
    await eventually(accepted, (count) => count >= 1);
    for (const window of ['1s', '5s', '30s', '1m', '5m'])
      assert.equal((await rates(`window=${window}`)).size, 3, window);
    assert.ok(spanMs() >= spanBeforeMs, `${spanMs()} ms of the ${spanBeforeMs} ms before`);
  });

  test('every server gets every report, and one that is away costs the others nothing', async () => {
    const second = await runApiserver(certificate.flags);
    const nobody = 'https://127.0.0.1:1';
    const pushing = await runNodeagent(server, ['--server', `${nobody},${second.url}`, '--node-name', 'other-node']);
    try {
      const hasHeard = (one: Apiserver) => one.store.nodes().some(({ node }) => node === 'other-node');
      for (const one of [server, second]) await eventually(() => hasHeard(one), Boolean);
      // Of a pod that two nodes report, only that of the first is shown; a server that knows no other shows this one.
      assert.ok(!(await fetchText(server, '/metrics?node=other-node')).text.includes(testbed.podName('a')));
      await eventually(async () => (await fetchText(second, '/metrics')).text.includes(testbed.podName('a')), Boolean);
      const own = await (await fetch(`${pushing.url}/metrics`)).text();
      assert.match(own, new RegExp(`podnet_nodeagent_pushes_total\\{server="${nobody}",result="failed"\\}`));
    } finally {
      await pushing.close();
      await second.close();
    }
  });

  test('when the agent has stopped its pods become absent, and never 0', async () => {
    assert.equal((await rates()).size, 3);
    await agent.close();
    clock.shiftMs += 14_000;
    assert.equal((await rates()).size, 3);
    clock.shiftMs += 2_000;
    assert.equal((await rates()).size, 0);
    assert.equal((await counters(RECEIVE)).size, 0);
    agent = await runNodeagent(server, [], { describe: describePod });
    await eventually(rates, (seen) => seen.size === 3);
  });
});
