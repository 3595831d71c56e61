import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Allocation } from '../../../nodeagent/devices/allocation.js';
import { parseCpuManagerState, type CpuManagerState } from '../../../nodeagent/devices/cpu-manager-state.js';
import { resolveExclusiveCpus, type CpuSources } from '../../../nodeagent/devices/exclusive-cpus.js';
import type { Pod } from '../../../nodeagent/inventory/pod.js';

const ID = 'a'.repeat(64);
const NUMA = new Map([
  [2, 0],
  [3, 0],
  [8, 1],
]);

function pod(uid: string, more: Partial<Pod> = {}): Pod {
  return {
    ...{ namespace: 'telco', name: `pod-${uid}`, uid, creationTimestamp: '2026-11-20T10:00:00Z', labels: {} },
    ...{ hostNetwork: false, attachments: new Map(), containers: [{ name: 'app', id: ID }, { name: 'side' }] },
    ...more,
  };
}

function allocation(uid: string, container: string, cpus: readonly number[]): Allocation {
  return { namespace: 'telco', pod: `pod-${uid}`, container, devices: [], cpus, claims: [] };
}

function stateOf(entries: object, policyName = 'static'): CpuManagerState {
  const state = parseCpuManagerState(JSON.stringify({ policyName, defaultCpuSet: '0-1', entries }));
  assert.ok(state);
  return state;
}

/** `<uid> <container> <cpu> <NUMA node>` of each. */
function resolve(pods: readonly Pod[], sources: Partial<CpuSources>): string[] {
  const resolved = resolveExclusiveCpus(pods, {
    ...{ allocations: undefined, state: undefined, numaNodes: NUMA, cpusets: () => assert.fail('cgroups were asked') },
    ...sources,
  });
  return [...resolved].flatMap(([uid, cpus]) =>
    cpus.map(({ container, cpu, numaNode }) => [uid, container, cpu, numaNode ?? '-'].join(' ')),
  );
}

describe('what the kubelet lists', () => {
  test('is told of each container, with ids and NUMA nodes', () => {
    const allocations = [allocation('a', 'app', [8, 3]), allocation('a', 'side', []), allocation('b', 'app', [2])];
    const resolved = resolveExclusiveCpus([pod('a'), pod('b', { containers: [] }), pod('c')], {
      ...{ allocations, state: undefined, numaNodes: NUMA, cpusets: () => new Map() },
    });
    assert.deepEqual(Object.fromEntries(resolved), {
      a: [
        { container: 'app', containerId: ID, cpu: 3, numaNode: 0 },
        { container: 'app', containerId: ID, cpu: 8, numaNode: 1 },
      ],
      b: [{ container: 'app', cpu: 2, numaNode: 0 }],
    });
  });

  test('comes before its checkpoint and cgroups', () => {
    const state = stateOf({ a: { app: '3' }, b: { app: '8' } });
    const allocations = [allocation('a', 'app', [2]), allocation('b', 'app', [])];
    assert.deepEqual(resolve([pod('a'), pod('b')], { allocations, state }), ['a app 2 0']);
  });

  test('tells that a pod has none', () => {
    assert.deepEqual(resolve([pod('a')], { allocations: [allocation('a', 'app', [])] }), []);
  });

  test('without any CPU leaves it to the checkpoint', () => {
    const allocations = [allocation('a', 'app', [])];
    assert.deepEqual(resolve([pod('a')], { allocations, state: stateOf({ a: { app: '3' } }) }), ['a app 3 0']);
  });

  test('is no one’s where containers of two pods have it', () => {
    const allocations = [allocation('a', 'app', [2, 3]), allocation('b', 'app', [3, 8])];
    assert.deepEqual(resolve([pod('a'), pod('b')], { allocations }), ['a app 2 0', 'b app 8 1']);
  });

  test('is of neither of two pods of one name', () => {
    const pods = [pod('a'), pod('z', { name: 'pod-a' })];
    const allocations = [allocation('a', 'app', [2])];
    assert.deepEqual(resolve(pods, { allocations }), []);
    assert.deepEqual(resolve(pods, { allocations, state: stateOf({ z: { app: '2' } }) }), ['z app 2 0']);
  });

  test('is of no other namespace’s pod', () => {
    const pods = [pod('a', { namespace: 'other' })];
    assert.deepEqual(resolve(pods, { allocations: [allocation('a', 'app', [2])], state: stateOf({}) }), []);
  });

  test('that no machine has is left out', () => {
    const allocations = [allocation('a', 'app', [2, 2, -1, 65_536, 1.5, NaN])];
    assert.deepEqual(resolve([pod('a')], { allocations }), ['a app 2 0']);
  });
});

describe('the checkpoint', () => {
  test('is asked for a pod that the kubelet does not list', () => {
    const state = stateOf({ a: { app: '2-3' }, b: { app: '8-9' } });
    for (const allocations of [undefined, [], [allocation('x', 'app', [7])]]) {
      const expected = ['a app 2 0', 'a app 3 0', 'b app 8 1', 'b app 9 -'];
      assert.deepEqual(resolve([pod('a'), pod('b')], { allocations, state }), expected);
    }
  });

  test('tells that a pod has none, whatever its policy', () => {
    for (const state of [stateOf({}), stateOf({}, 'none'), stateOf({ b: { app: '3' } })]) {
      assert.deepEqual(resolve([pod('a')], { state }), []);
    }
  });

  test('has entries of containers that the pod does not have any more', () => {
    const state = stateOf({ a: { app: '2', init: '2' } });
    assert.deepEqual(resolve([pod('a')], { state }), ['a app 2 0']);
  });

  test('serves where the names of containers are not known, if they may be names', () => {
    const { containers: _, ...bare } = pod('a');
    assert.deepEqual(resolve([bare], { state: stateOf({ a: { app: '2', 'no name\n': '3' } }) }), ['a app 2 0']);
  });

  test('knows a static pod by the uid in its cgroup', () => {
    const uid = '0123456789abcdef0123456789abcdef';
    const container = { name: 'app', image: '', cgroup: `/kubepods.slice/kubepods-pod${uid}.slice/crio-${ID}.scope` };
    assert.deepEqual(resolve([pod('mirror', { container })], { state: stateOf({ [uid]: { app: '2' } }) }), [
      'mirror app 2 0',
    ]);
  });

  test('of an old kubelet knows a container by its id', () => {
    assert.deepEqual(resolve([pod('a')], { state: stateOf({ [ID]: '3' }) }), ['a app 3 0']);
  });
});

describe('cgroups', () => {
  const cpusets = () => new Map([[ID, [2, 8]]]);

  test('are asked where nobody else tells', () => {
    for (const allocations of [undefined, [allocation('x', 'app', [7])]]) {
      assert.deepEqual(resolve([pod('a')], { allocations, cpusets }), ['a app 2 0', 'a app 8 1']);
    }
  });

  test('are not asked for pods without containers that have started', () => {
    const { containers: _, ...bare } = pod('a');
    assert.deepEqual(resolve([bare, pod('b', { containers: [{ name: 'app' }] })], {}), []);
  });

  test('of another container tell nothing', () => {
    const containers = [{ name: 'app', id: 'b'.repeat(64) }];
    assert.deepEqual(resolve([pod('a', { containers })], { cpusets }), []);
  });
});

test('a pod that has ended has no CPUs', () => {
  const sources = { allocations: [allocation('a', 'app', [2])], state: stateOf({ a: { app: '2' } }) };
  assert.deepEqual(resolve([pod('a', { isEnded: true })], sources), []);
});
