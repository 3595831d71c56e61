import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContainerCpuset } from '../../../nodeagent/cgroupfs/cpusets.js';
import { parseCpuManagerState } from '../../../nodeagent/devices/cpu-manager-state.js';
import { findEntered, findExclusive } from '../../../nodeagent/devices/exclusive-cpusets.js';
import { parseCpuList } from '../../../nodeagent/sysfs/cpu-list.js';

const WHOLE = '0-7';

function cpuset(containerId: string, list: string, whole = WHOLE): ContainerCpuset {
  return { podKey: 'p', containerId, cpus: parseCpuList(list) ?? [], podsCpus: parseCpuList(whole) ?? [] };
}

/** Ids of those that are found, of containers by their sets. */
function found(guaranteed: Record<string, string>, others: Record<string, string> = {}, whole = WHOLE): string[] {
  const all = (sets: Record<string, string>) => Object.entries(sets).map(([id, list]) => cpuset(id, list, whole));
  const exclusive = findExclusive({ guaranteed: all(guaranteed), others: () => all(others) });
  return exclusive.map(({ containerId }) => containerId ?? '');
}

describe('by the cgroups alone', () => {
  test('a set that no other container has any of is exclusive', () => {
    assert.deepEqual(found({ own: '2-3', sandbox: WHOLE }, { shared: '0-1,4-7', sandbox2: WHOLE }), ['own']);
    assert.deepEqual(found({ a: '2', b: '3,5' }, { shared: '0-1,4,6-7' }), ['a', 'b']);
  });

  test('a set on a node without other containers is', () => {
    assert.deepEqual(found({ own: '2-3', sandbox: WHOLE }), ['own']);
  });

  test('the whole set is not', () => {
    assert.deepEqual(found({ sandbox: WHOLE, app: WHOLE }), []);
    assert.deepEqual(found({ app: '0-15' }), []);
  });

  test('a set that is shared is not', () => {
    assert.deepEqual(found({ fraction: '0-1,4-7', own: '2-3' }, { shared: '0-1,4-7' }), ['own']);
    assert.deepEqual(found({ fraction: '0-1,4-7', fraction2: '0-1,4-7', own: '2-3' }), ['own']);
  });

  test('a set that others have some of as yet is not', () => {
    assert.deepEqual(found({ own: '2-3' }, { shared: '0-2,4-7' }), []);
  });

  test('sets of other classes than Guaranteed are not', () => {
    assert.deepEqual(found({}, { burstable: '2-3' }), []);
  });

  test('where nothing tells what is own and what is left for all, none is', () => {
    assert.deepEqual(found({ own: '2-3', fraction: '0-1,4-7', sandbox: WHOLE }), []);
    assert.deepEqual(found({ own: '2-3', fraction: '0-1,4-7' }, { shared: '0-1,4-7' }), ['own']);
  });

  test('where the set of all pods is not known, none is', () => {
    assert.deepEqual(found({ own: '2-3' }, {}, ''), []);
  });

  test('a CPU that is isolated from the cgroups above is its container’s own', () => {
    assert.deepEqual(found({ own: '2-3', sandbox: '0-1,4-7' }, { shared: '0-1,4-7' }, '0-1,4-7'), ['own']);
  });

  test('the other classes are not read where there is nothing to find', () => {
    const others = () => assert.fail('asked');
    assert.deepEqual(findExclusive({ guaranteed: [cpuset('a', WHOLE)], others }), []);
  });
});

describe('by the checkpoint', () => {
  const state = (entries: object) => {
    const parsed = parseCpuManagerState(JSON.stringify({ policyName: 'static', defaultCpuSet: '0', entries }));
    assert.ok(parsed);
    return parsed;
  };
  const cpusets = [cpuset('sandbox', WHOLE), cpuset('a', '1-2'), cpuset('b', '3'), cpuset('c', '0')];
  const ids = (entries: object) => findEntered(state(entries), cpusets).map(({ containerId }) => containerId);

  test('a container with the set of an entry of its pod is found', () => {
    assert.deepEqual(ids({ p: { x: '1-2', y: '3' } }), ['a', 'b']);
    assert.deepEqual(ids({ p: { x: '3' } }), ['b']);
  });

  test('a container of another pod, or with another set, is not', () => {
    assert.deepEqual(ids({ q: { x: '1-2' } }), []);
    assert.deepEqual(ids({ p: { x: '1' } }), []);
    assert.deepEqual(ids({}), []);
  });

  test('a container is found by its id', () => {
    assert.deepEqual(ids({ b: '3', a: '1', gone: '4' }), ['b']);
  });
});
