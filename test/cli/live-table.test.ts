import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderSummary, renderTable, type TableRow } from '../../cli/live-table.js';

function rates(pod: string, name: string, receive: number, network = ''): TableRow {
  return {
    namespace: 'default',
    pod,
    interface: name,
    network,
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

test('what does not fit the screen is counted, and lines are cut', () => {
  const many = Array.from({ length: 30 }, (_, i) => rates(`pod-${String(i).padStart(2, '0')}`, 'eth0', i));
  const lines = renderTable(many, { columns: 20, rows: 10 });
  assert.equal(lines.length, 9);
  assert.equal(lines.at(-1), '… and 23 more');
  assert.ok(lines.every((line) => line.length <= 20));
});

for (const rows of [0, 1, 2, 3, 4, 9, 31, 32, 33]) {
  test(`a screen of ${rows} rows gets no more lines than it has`, () => {
    const many = Array.from({ length: 30 }, (_, i) => rates(`pod-${i}`, 'eth0', i));
    const lines = renderTable(many, { columns: 80, rows });
    assert.equal(lines.length, Math.min(31, Math.max(0, rows - 1)));
    const shown = lines.filter((line) => line.startsWith('pod-')).length;
    const said = /^… and (\d+) more$/.exec(lines.at(-1) ?? '')?.[1];
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

test('the summary adds up what has a rate', () => {
  assert.equal(
    renderSummary([rates('a', 'eth0', 1_000), rates('a', 'net1', NaN), rates('b', 'eth0', 500)]),
    '2 pods, 3 interfaces, receive 1.50 kB/s, transmit 3.00 kB/s',
  );
});
