import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Exposition } from '../../../apiserver/exposition/exposition.js';
import { checkReport } from '../../../apiserver/ingest/check.js';
import { Pods } from '../../../apiserver/store/pods.js';
import { Store } from '../../../apiserver/store/store.js';
import { nodeReport, podReport } from '../../support/reports.js';

test('a node whose lines cannot be made is left out, told of, and costs no other', () => {
  const store = new Store({ historyMs: 300_000 });
  const failures: string[] = [];
  const exposition = new Exposition({ nodes: store, pods: new Pods(store) }, [], {
    onFailure: (of, error) => failures.push(`${JSON.stringify(of)}: ${String(error)}`),
  });
  for (const node of ['node-a', 'node-b']) {
    const pods = [podReport({ name: `on-${node}`, uid: `uid-${node}` })];
    const outcome = store.ingest(checkReport(nodeReport(1_000, { node, bootId: node, pods })).report, 1_000);
    assert.ok(outcome.ok);
    // lines without end, as a report once made that nothing bounded
    const tooLong = () => {
      throw new RangeError('Invalid string length');
    };
    if (node === 'node-a') Object.defineProperty(outcome.node, 'devices', { get: tooLong });
    exposition.update(outcome.node, 1_000);
  }
  const text = gunzipSync(Buffer.concat([...exposition.gzip('text', 1_000)])).toString();
  assert.ok(text.includes('on-node-b'));
  assert.ok(!text.includes('on-node-a'));
  assert.deepEqual(failures, ['{"node":"node-a"}: RangeError: Invalid string length']);
});
