import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderSummary, renderTable, type TableRow } from '../../cli/live-table.js';

function rates(pod: string, name: string, receive: number, network = ''): TableRow {
  return {
    namespace: 'default',
    pod,
    interface: name,
    network,
    isMachine: pod === 'host',
    isCounted: name !== 'bond0',
    perSecond: [receive, 0, 0, 1, receive * 2, 0, 0, 2],
  };
}

const WIDE = { columns: 100, rows: 20 };

test('the machine itself goes first, then pod by pod', () => {
  assert.deepEqual(
    renderTable(
      [rates('web', 'net1', 1_500, 'n3'), rates('web', 'eth0', NaN, 'default'), rates('host', 'eth0', 10)],
      WIDE,
    ),
    [
      'POD   NETWORK  INTERFACE    RECEIVE   TRANSMIT    DROPS',
      'host  -        eth0          10 B/s     20 B/s  3 pkt/s',
      'web   default  eth0               -          -  3 pkt/s',
      'web   n3       net1       1.50 kB/s  3.00 kB/s  3 pkt/s',
    ],
  );
});

const podName = (i: number): string => `pod-${String(i).padStart(2, '0')}`;

test('what does not fit the screen is counted, and lines are cut', () => {
  const many = Array.from({ length: 30 }, (_, i) => rates(podName(i), 'eth0', i));
  const lines = renderTable(many, { columns: 20, rows: 10 });
  assert.equal(lines.length, 9);
  assert.equal(lines.at(-1), '… and 23 more, none '); // above 66 B/s
  assert.ok(lines.every((line) => line.length <= 20));
});

test('where not all fit the busiest are shown, in the order of their names', () => {
  const quiet: TableRow = { ...rates('', 'eth0', 0), perSecond: [0, 0, 0, 0, 0, 0, 0, 0] };
  const many = Array.from({ length: 30 }, (_, i) => ({ ...quiet, pod: podName(i) }));
  const busy = [rates('pod-07', 'net1', 900), rates('pod-29', 'net1', 5e6), rates('zz', 'eth0', 70)];
  const dropping = { ...quiet, pod: 'pod-20', perSecond: [0, 0, 0, 40, 0, 0, 0, 0] };
  const shown = (rows: readonly TableRow[]) => {
    const lines = renderTable(rows, { columns: 100, rows: 7 });
    return [...lines.slice(1, -1).map((line) => line.split(/ +/).slice(0, 3).join(' ')), lines.at(-1)];
  };
  assert.deepEqual(shown([...many, ...busy, dropping]), [
    'pod-07 - net1',
    'pod-20 - eth0',
    'pod-29 - net1',
    'zz - eth0',
    '… and 30 more, idle',
  ]);
  // of much the same rates it is the same that are shown, however they go up and down
  const alike = (seed: number) =>
    Array.from({ length: 30 }, (_, i) => rates(podName(i), 'eth0', 700 + ((i * seed) % 90)));
  for (const seed of [1, 7, 31]) assert.deepEqual(shown(alike(seed)).slice(0, 4), shown(alike(3)).slice(0, 4));
  assert.equal(shown(alike(1)).at(-1), '… and 26 more, none above 2.19 kB/s');
  // no rate is no idleness
  assert.equal(shown([...many, rates('pod-00', 'net1', NaN)]).at(-1), '… and 27 more, idle');
  const unknown: TableRow = { ...quiet, perSecond: quiet.perSecond.map(() => NaN) };
  assert.equal(shown([...many, unknown, ...busy, dropping]).at(-1), '… and 31 more, idle, 1 without a rate');
  assert.equal(shown(Array.from({ length: 9 }, () => ({ ...unknown }))).at(-1), '… and 5 more, 5 without a rate');
});

for (const rows of [0, 1, 2, 3, 4, 9, 31, 32, 33]) {
  test(`a screen of ${rows} rows gets no more lines than it has`, () => {
    const many = Array.from({ length: 30 }, (_, i) => rates(`pod-${i}`, 'eth0', i));
    const lines = renderTable(many, { columns: 80, rows });
    assert.equal(lines.length, Math.min(31, Math.max(0, rows - 1)));
    const shown = lines.filter((line) => line.startsWith('pod-')).length;
    const said = /^… and (\d+) more/.exec(lines.at(-1) ?? '')?.[1];
    if (rows > 1) assert.equal(shown + Number(said ?? 0), 30);
  });
}

test('wide characters take two columns, and lines are cut by columns', () => {
  const wide = [rates('网络', 'eth0', 1_000), rates('web', '接口', 1_000)];
  assert.deepEqual(renderTable(wide, WIDE).slice(1), [
    'web   -        接口       1.00 kB/s  2.00 kB/s  3 pkt/s',
    '网络  -        eth0       1.00 kB/s  2.00 kB/s  3 pkt/s',
  ]);
  assert.deepEqual(renderTable(wide, { columns: 3, rows: 20 }).slice(1), ['web', '网']);
});

test('a name cannot move the cursor', () => {
  assert.ok(
    !renderTable([rates('a\u001b[2J', 'e\u0007', 1)], WIDE)
      .join('')
      .includes('\u001b'),
  );
});

test('the summary adds up what has a rate, each packet of the pods once', () => {
  const pods = [rates('a', 'eth0', 1_000), rates('a', 'net1', NaN), rates('b', 'eth0', 500)];
  const said = '2 pods, 3 interfaces, receive 1.50 kB/s, transmit 3.00 kB/s';
  assert.equal(renderSummary(pods), said);
  assert.equal(renderSummary([...pods, rates('host', 'veth1', 1_500)]), said);
  assert.equal(renderSummary([...pods, rates('b', 'bond0', 500)]), said.replace('3 i', '4 i'));
  assert.equal(renderSummary([rates('host', 'eth0', 1)]), '0 pods, 0 interfaces, receive -, transmit -');
});
