import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KnownPod } from '../../../nodeagent/report/build.js';
import { limitPods } from '../../../nodeagent/report/limit.js';

function podsOf(count: number, interfacesEach: number): KnownPod[] {
  return Array.from({ length: count }, (_, i) => ({
    pod: {
      ...{ namespace: 'default', name: `p${i}`, uid: `u${i}`, labels: {}, hostNetwork: false, attachments: new Map() },
      creationTimestamp: new Date(1_795_000_000_000 - i * 1_000).toISOString(), // the last is the oldest
    },
    interfaces: Array.from({ length: interfacesEach }, (__, n) => ({
      ...{ name: `net${n}`, network: '', nadNamespace: '', primary: n === 0, identity: `${i}/${n}`, source: 'netdev' },
      source: 'netdev' as const,
    })),
  }));
}

test('what a server takes is left as it is', () => {
  const known = podsOf(64, 256);
  const { pods, podsCut, interfacesCut } = limitPods(known);
  assert.deepEqual(pods, known);
  assert.deepEqual([podsCut, interfacesCut], [0, 0]);
});

test('of too many pods the oldest are reported', () => {
  const { pods, podsCut } = limitPods(podsOf(2_050, 1));
  assert.equal(podsCut, 2);
  assert.deepEqual([pods.length, pods[0]?.pod.name, pods.at(-1)?.pod.name], [2_048, 'p2049', 'p2']);
});

test('a pod with too many interfaces is reported without any, and no other', () => {
  const known = [...podsOf(1, 257), ...podsOf(2, 3)];
  const { pods, interfacesCut } = limitPods(known);
  assert.equal(interfacesCut, 1);
  assert.deepEqual(
    pods.map(({ interfaces }) => interfaces?.length),
    [undefined, 3, 3],
  );
});

test('when all pods together have too many interfaces, the youngest go without theirs', () => {
  const { pods, interfacesCut } = limitPods(podsOf(66, 255));
  assert.equal(interfacesCut, 2);
  const without = pods.filter(({ interfaces }) => interfaces === undefined);
  assert.deepEqual(
    without.map(({ pod }) => pod.name),
    ['p1', 'p0'],
  );
});

test('finished pods go before one that runs, however young', () => {
  const known = podsOf(2_049, 1).map((one, i) =>
    i === 0 ? one : { ...one, pod: { ...one.pod, netnsAbsence: 'none' as const } },
  );
  const { pods, podsCut } = limitPods(known);
  assert.equal(podsCut, 1);
  assert.equal(pods[0]?.pod.name, 'p0', 'the youngest of all, and the only one that runs');
});
