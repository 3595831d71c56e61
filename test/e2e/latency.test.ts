// Six agents of role probe, as they are shipped, in namespaces of their own, and an apiserver: what they say of a node that dies, is
// delayed, is cut off.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PROBE_PORT, ProbeAgents, STORAGE, type ProbeMetrics, type Sample } from '../support/probe-agents.js';
import { ProbeBed, type Rejection } from '../support/probe-bed.js';
import { eventually } from '../support/programs.js';
import { missing } from '../support/requirements.js';

const PREFIX = 'pnlat';
const NODES = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6'];
const [CUT_OFF, VICTIM, RELAYED] = ['n2', 'n3', 'n6'] as const;
/** Nobody answers there. */
const FLAGS = ['--no-collector.dns'];
const PROBERS = 4;
const DEFAULT = 'default';
/** The machine is busy, and starts six agents. */
const PATIENCE_MS = 60_000;
const ERRORS = 'podnet_dial_errors_total';
const REACHED = 'podnet_dial_latency_seconds_count';
const SUSPECT = 'podnet_node_suspect_ratio';

/** Suspect ratio of each node of a network that has one. */
function suspects(metrics: ProbeMetrics, network = DEFAULT): Record<string, number> {
  return Object.fromEntries(metrics.of(SUSPECT, { network }).map(({ labels, value }) => [labels['node'] ?? '', value]));
}

/** Who has reached whom on a network, as `<prober>><peer>`. */
function pairs(metrics: ProbeMetrics, network = DEFAULT): string[] {
  return [...new Set(metrics.of(REACHED, { network }).flatMap((one) => (one.value > 0 ? pairOf(one) : [])))].sort();
}

function pairOf({ labels: { node = '', peer_node: peer = '' } }: Sample): string {
  return `${node}>${peer}`;
}

/** Those that dial a node. */
function probersOf(node: string, metrics: ProbeMetrics): string[] {
  return pairs(metrics).flatMap((pair) => (pair.endsWith(`>${node}`) ? [pair.slice(0, -1 - node.length)] : []));
}

/** Errors that there were since on a network, by pair and reason. */
function errorsSince(earlier: ProbeMetrics, metrics: ProbeMetrics, network = DEFAULT): Map<string, number> {
  const grown = new Map<string, number>();
  for (const sample of metrics.growth(earlier, ERRORS, { network })) {
    const what = `${pairOf(sample)} ${sample.labels['reason']}`;
    if (sample.value > 0) grown.set(what, (grown.get(what) ?? 0) + sample.value);
  }
  return grown;
}

const none = (nodes: readonly string[]): Record<string, number> => Object.fromEntries(nodes.map((node) => [node, 0]));

function isSame(seen: object, expected: object): boolean {
  return JSON.stringify(seen) === JSON.stringify(expected);
}

/** A node is only one of the probers of each other: whatever befalls it, the others are suspect to it alone. */
function assertOthersTrusted(metrics: ProbeMetrics, node: string): void {
  const { [node]: _, ...others } = suspects(metrics);
  for (const [other, ratio] of Object.entries(others)) assert.ok(ratio <= 1 / PROBERS, `${other}: ${ratio}`);
}

/** The first metrics for which something holds; until then nobody but the node is suspect. */
async function whenSuspicious(
  agents: ProbeAgents,
  node: string,
  isThere: (metrics: ProbeMetrics) => boolean,
): Promise<ProbeMetrics> {
  let seen = await agents.metrics();
  await eventually(
    async () => {
      seen = await agents.metrics();
      assertOthersTrusted(seen, node);
      return suspects(seen);
    },
    () => isThere(seen),
    PATIENCE_MS,
  );
  return seen;
}

/**
 * The first metrics with which nobody is suspect, after everybody was reached twice more: so that dials of before, which may be counted
 * a second and a half later, are not taken for later ones.
 */
async function whenAllTrusted(agents: ProbeAgents, network = DEFAULT): Promise<ProbeMetrics> {
  const earlier = await agents.metrics();
  let seen = earlier;
  await eventually(
    async () => {
      seen = await agents.metrics();
      const settled = seen.growth(earlier, REACHED, { network }).filter(({ value }) => value >= 2).length;
      return { suspects: suspects(seen, network), settled };
    },
    (state) => isSame(state, { suspects: none(NODES), settled: NODES.length * PROBERS * agents.families }),
    PATIENCE_MS,
  ).catch((error: unknown) => assert.fail(`${String(error)}\n${NODES.map((node) => agents.logOf(node)).join('\n')}`));
  return seen;
}

/** Every node is dialled by as many others as it dials itself. */
function assertEachDialledByFour(metrics: ProbeMetrics, network = DEFAULT): void {
  const seen = pairs(metrics, network);
  for (const node of NODES) {
    const [dialled, dials] = [seen.filter((pair) => pair.endsWith(node)), seen.filter((pair) => pair.startsWith(node))];
    assert.deepEqual([dialled.length, dials.length], [PROBERS, PROBERS], seen.join(' '));
  }
  assert.ok(NODES.every((node) => !seen.includes(`${node}>${node}`)));
}

/** Kills the agent of a node, looks at what the others say of it, and starts it again. */
async function assertDeathIsSeen(agents: ProbeAgents): Promise<void> {
  const earlier = await whenAllTrusted(agents);
  const probers = probersOf(VICTIM, earlier);
  await agents.kill(VICTIM);
  const dead = await whenSuspicious(agents, VICTIM, (metrics) => suspects(metrics)[VICTIM] === 1);
  for (const [what, count] of errorsSince(earlier, dead)) {
    // Two rounds, and one more of a prober that is ahead of the slowest. A connection that was being made is reset.
    assert.ok(count <= 3 * agents.families, `${what}: ${count}`);
  }
  assert.match(await agents.readyz(), /1 of 6 nodes is suspect, .* by 4 of 4 probers/);
  const later = await whenSuspicious(agents, VICTIM, (metrics) => {
    const failing = new Set([...errorsSince(dead, metrics).keys()].map((what) => what.split('>')[0]));
    return probers.every((prober) => failing.has(prober));
  });
  const growing = [...errorsSince(dead, later).keys()];
  assert.deepEqual(growing.sort(), probers.map((prober) => `${prober}>${VICTIM} refused`).sort());
  agents.start(VICTIM);
  await whenAllTrusted(agents);
}

describe('role probe on six nodes', { skip: missing('root', 'ip', 'iptables', 'tun', 'curl') }, () => {
  let bed: ProbeBed;
  let agents: ProbeAgents;

  before(async () => {
    bed = await ProbeBed.create(PREFIX, { nodes: NODES, networks: 2, relayed: RELAYED });
    agents = await ProbeAgents.start(bed, { nodes: NODES, networks: 2, flags: FLAGS });
  });
  after(async () => {
    await agents?.[Symbol.asyncDispose]();
    await bed?.[Symbol.asyncDispose]();
  });

  test('every node is dialled by four others on each network, and none is suspect', async () => {
    for (const network of [DEFAULT, STORAGE]) {
      assertEachDialledByFour(await whenAllTrusted(agents, network), network);
    }
  });

  test('the death of an agent is seen by its probers, and by nobody of anybody else', async () => {
    await assertDeathIsSeen(agents);
  });

  test('/blackbox answers on every address', async () => {
    for (const address of [0, 1].flatMap((network) => Object.values(bed.addresses('n1', network)) as string[])) {
      const host = address.includes(':') ? `[${address}]` : address;
      const client = bed.start(
        'n2',
        'curl',
        '-sS',
        '-g',
        '-w',
        ' %{http_code}',
        `http://${host}:${PROBE_PORT}/blackbox`,
      );
      await client.ended;
      assert.equal(client.out(), 'ok 200', client.error());
    }
  });

  test('a node that is cut off times out, and so do its own dials', async () => {
    const earlier = await whenAllTrusted(agents);
    bed.drop(CUT_OFF);
    try {
      const there = pairs(earlier).filter((pair) => pair.includes(CUT_OFF));
      const cutOff = await whenSuspicious(agents, CUT_OFF, (metrics) => {
        return suspects(metrics)[CUT_OFF] === 1 && errorsSince(earlier, metrics).size >= there.length;
      });
      const expected = there.map((pair) => `${pair} timeout`);
      assert.deepEqual([...errorsSince(earlier, cutOff).keys()].sort(), expected);
    } finally {
      bed.undo(CUT_OFF);
    }
    await whenAllTrusted(agents);
  });

  for (const how of ['refused', 'unreachable'] satisfies Rejection[]) {
    test(`a relayed node that rejects with ICMP is ${how}`, async () => {
      const earlier = await whenAllTrusted(agents);
      bed.reject(RELAYED, how);
      try {
        const expected = probersOf(RELAYED, earlier).map((prober) => `${prober}>${RELAYED} ${how}`);
        const rejected = await whenSuspicious(agents, RELAYED, (metrics) => {
          return suspects(metrics)[RELAYED] === 1 && errorsSince(earlier, metrics).size >= expected.length;
        });
        assert.deepEqual([...errorsSince(earlier, rejected).keys()].sort(), expected.sort());
      } finally {
        bed.undo(RELAYED);
      }
      await whenAllTrusted(agents);
    });
  }

  test('a node that is cut off from a secondary network is suspect there alone', async () => {
    const earlier = await whenAllTrusted(agents, STORAGE);
    bed.drop(CUT_OFF, 1);
    try {
      const cutOff = await whenSuspicious(agents, CUT_OFF, (metrics) => suspects(metrics, STORAGE)[CUT_OFF] === 1);
      assert.deepEqual(suspects(cutOff), none(NODES));
      assert.deepEqual([...errorsSince(earlier, cutOff)], []);
      for (const what of errorsSince(earlier, cutOff, STORAGE).keys()) assert.match(what, /n2.* timeout$/);
    } finally {
      bed.undo(CUT_OFF);
    }
    await whenAllTrusted(agents, STORAGE);
  });

  test('20 ms at one node move its p99 and that of no other', async () => {
    await whenAllTrusted(agents);
    const p99 = () => agents.figures('network_dial_latency_seconds', `quantile=p99,window=30s,network=${DEFAULT}`);
    const isOther = ([node]: readonly [string, number]) => node !== RELAYED;
    await eventually(
      p99,
      (seen) => seen.size === NODES.length && [...seen.values()].every((of) => of < 0.015),
      PATIENCE_MS,
    );
    await bed.setDelayMs(10);
    let seen = await p99();
    await whenSuspicious(agents, RELAYED, (metrics) => suspects(metrics)[RELAYED] === 1);
    await eventually(
      async () => (seen = await p99()),
      () => (seen.get(RELAYED) ?? 0) > 0.02,
      PATIENCE_MS,
    );
    assert.ok(
      [...seen].filter(isOther).every(([, seconds]) => seconds < 0.015),
      JSON.stringify([...seen]),
    );
    await bed.setDelayMs(0);
    await whenAllTrusted(agents);
  });
});

describe('role probe on six nodes that have IPv6 alone', { skip: missing('root', 'ip', 'iptables') }, () => {
  let bed: ProbeBed;
  let agents: ProbeAgents;

  before(async () => {
    bed = await ProbeBed.create(PREFIX, { nodes: NODES, families: 'ipv6' });
    agents = await ProbeAgents.start(bed, { nodes: NODES, flags: FLAGS });
  });
  after(async () => {
    await agents?.[Symbol.asyncDispose]();
    await bed?.[Symbol.asyncDispose]();
  });

  test('every node is dialled by four others, and none is suspect', async () => {
    assertEachDialledByFour(await whenAllTrusted(agents));
  });

  test('the death of an agent is seen by its probers, and by nobody of anybody else', async () => {
    await assertDeathIsSeen(agents);
  });
});
