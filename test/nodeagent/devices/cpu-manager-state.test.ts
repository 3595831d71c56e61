import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parseCpuManagerState } from '../../../nodeagent/devices/cpu-manager-state.js';

const UID = '5d7c4364-a67f-4714-8208-4561707b093f';
const ID = '7a032b444094838def3070dea9d04ad7e6d4cdc18ab814d61c3fbe18e33d79ff';

const parse = (checkpoint: object) => parseCpuManagerState(JSON.stringify(checkpoint));

describe('the checkpoint of the CPU manager', () => {
  test('as a kubelet wrote it tells the CPUs of a container', () => {
    assert.deepEqual(parseCpuManagerState(readFileSync('test/fixtures/kubelet/cpu_manager_state', 'utf8')), {
      policy: 'static',
      defaultCpus: new Set([0]),
      entries: new Map([[UID, new Map([['testpmd', [1]]])]]),
      byContainerId: new Map(),
    });
  });

  test('of the policy none has no entries', () => {
    assert.deepEqual(parse({ policyName: 'none', defaultCpuSet: '', checksum: 1353318690 }), {
      ...{ policy: 'none', defaultCpus: new Set(), entries: new Map(), byContainerId: new Map() },
    });
  });

  test('has ranges and lists', () => {
    const state = parse({
      policyName: 'static',
      defaultCpuSet: '0-1,32-33',
      entries: { a: { b: '2-3,34-35', c: '5' } },
    });
    const expected = new Map(Object.entries({ b: [2, 3, 34, 35], c: [5] }));
    assert.deepEqual(state?.entries.get('a'), expected);
  });

  test('of the first version has entries by container', () => {
    const state = parse({ policyName: 'static', defaultCpuSet: '0', entries: { [ID]: '1' }, checksum: 0 });
    assert.deepEqual(state?.byContainerId, new Map([[ID, [1]]]));
    assert.equal(state.entries.size, 0);
  });

  test('of the third version may have sets of pods, which are no container’s own', () => {
    const podEntries = { [UID]: { cpuSet: '1-4' } };
    const state = parse({ policyName: 'static', defaultCpuSet: '0', entries: { [UID]: { a: '1' } }, podEntries });
    assert.deepEqual(state?.entries, new Map([[UID, new Map([['a', [1]]])]]));
  });

  test('of the fourth version says in data what counts', () => {
    const data = { policyName: 'static', defaultCpuSet: '0', entries: { [UID]: { a: '3' } } };
    const old = { policyName: 'static', defaultCpuSet: '0', entries: { [UID]: { a: '1' } }, checksum: 0 };
    const state = parse({ ...old, data: JSON.stringify(data), dataChecksum: 7 });
    assert.deepEqual(state?.entries, new Map([[UID, new Map([['a', [3]]])]]));
    assert.equal(parse({ ...old, data: '{' }), undefined);
  });

  test('with names of JavaScript’s own does no harm', () => {
    const text = '{"policyName":"static","defaultCpuSet":"0","entries":{"__proto__":{"constructor":"1"}}}';
    assert.deepEqual(parseCpuManagerState(text)?.entries.get('__proto__'), new Map([['constructor', [1]]]));
  });

  for (const [what, text] of Object.entries({
    nothing: '',
    'no JSON': '{"policyName":"static"',
    'a list': '[]',
    'no set that is shared': '{"policyName":"static"}',
    'a set that is none': '{"policyName":"static","defaultCpuSet":"0-","entries":{}}',
    'entries that are a list': '{"policyName":"static","defaultCpuSet":"0","entries":[]}',
    'an entry that is no set': '{"policyName":"static","defaultCpuSet":"0","entries":{"a":{"b":"x"}}}',
    'an entry of another kind': '{"policyName":"static","defaultCpuSet":"0","entries":{"a":{"b":{"original":"1"}}}}',
    'entries of two versions': '{"policyName":"static","defaultCpuSet":"0","entries":{"a":"1","b":{"c":"2"}}}',
    'an entry of what is shared': '{"policyName":"static","defaultCpuSet":"0-3","entries":{"a":{"b":"3"}}}',
    'allocations that can be resized':
      '{"policyName":"static","defaultCpuSet":"0","allocations":{"a":{"b":{"original":"1","resized":"1-2"}}}}',
    'more CPUs than there are': `{"policyName":"static","defaultCpuSet":"","entries":{"a":{"b":"0-40000","c":"0-40000"}}}`,
  })) {
    test(`that has ${what} tells nothing`, () => {
      assert.equal(parseCpuManagerState(text), undefined);
    });
  }
});
