import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withOwnCgroups } from '../../../nodeagent/inventory/cgroup-uids.js';
import type { ListedPod } from '../../../nodeagent/inventory/listed-pod.js';

function pod(uid: string, cgroupUid = uid, creationTimestamp = '2026-11-20T10:00:00Z'): ListedPod {
  return {
    ...{ namespace: 'a', name: uid, uid, creationTimestamp, labels: {}, hostNetwork: false },
    ...{ attachments: new Map(), cgroupUid, phase: 'running', isTerminating: false },
  };
}

const uidsOf = (pods: readonly ListedPod[]) => withOwnCgroups(pods).map(({ cgroupUid }) => cgroupUid);

test('a mirror has the cgroups of its static pod', () => {
  assert.deepEqual(uidsOf([pod('m', 's'), pod('a')]), ['s', 'a']);
});

test('a pod that claims to mirror another gets none of its traffic', () => {
  assert.deepEqual(uidsOf([pod('forged', 'victim'), pod('victim')]), ['forged', 'victim']);
});

test('another spelling of a uid is the same uid', () => {
  assert.deepEqual(uidsOf([pod('forged', 'vic_tim'), pod('vic-tim')]), ['forged', 'vic-tim']);
});

test('of two mirrors of one static pod the older has it', () => {
  const forged = pod('forged', 's', '2026-11-20T10:00:01Z');
  assert.deepEqual(uidsOf([forged, pod('m', 's')]), ['forged', 's']);
  assert.deepEqual(uidsOf([pod('m', 's'), forged]), ['s', 'forged']);
});

test('two mirrors of one static pod and one second leave it to neither', () => {
  assert.deepEqual(uidsOf([pod('m', 's'), pod('forged', 's')]), ['m', 'forged']);
});
