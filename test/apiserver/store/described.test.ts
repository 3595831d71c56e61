// What is held of a pod and of its interfaces between reports, beside their counters.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkReport } from '../../../apiserver/ingest/check.js';
import type { ApiPod } from '../../../apiserver/pods/pod-list.js';
import type { PodSeries } from '../../../apiserver/store/pod-series.js';
import { Store } from '../../../apiserver/store/store.js';
import type { PodReport } from '../../../openapi/node-report.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

const WEB = { kind: 'Deployment', name: 'web' };
const LISTED: ApiPod = {
  ...{ namespace: 'default', name: 'web-0', uid: 'uid-web-0', createdMs: 0, isTerminating: false, networks: [] },
  labels: { app: 'other' },
};

function pushTo(store: Store, second: number, overrides: Partial<PodReport>): PodSeries {
  const { report } = checkReport(nodeReport(second * 1_000, { pods: [podReport(overrides)] }), store);
  const outcome = store.ingest(report, second * 1_000);
  assert.ok(outcome.ok);
  const pod = outcome.node.pods.get('uid-web-0');
  assert.ok(pod !== undefined);
  return pod;
}

test('of an interface no readings are held but its rows, also when it is described anew', () => {
  const store = new Store({ historyMs: 60_000 });
  for (const [i, hostInterface] of ['veth1', 'veth1', 'veth2'].entries()) {
    const interfaces = [interfaceReport({ hostInterface, readings: [readingOf(i)] })];
    const meta = pushTo(store, i + 1, { interfaces }).interfaces.get('eth0')?.meta;
    const { readings: _, ...described } = interfaceReport({ hostInterface });
    assert.deepEqual(meta, described);
  }
});

test('the word of the API server wins, also where it knows of no workload, and leaves what the agent said as it was', () => {
  const pod = pushTo(new Store({ historyMs: 60_000 }), 1, { workload: WEB });
  const said = structuredClone(pod.meta);
  const { workload: _, ...other } = { ...said, labels: LISTED.labels };
  assert.deepEqual(pod.describedBy(LISTED), other);
  assert.deepEqual(pod.describedBy({ ...LISTED, workload: WEB }), { ...other, workload: WEB });
  assert.deepEqual(pod.meta, said);
  assert.equal(pod.describedBy(undefined), pod.meta);
  assert.equal(pod.describedBy({ ...LISTED, uid: 'of another' }), pod.meta);
});
