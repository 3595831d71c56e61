import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCpuList, renderCpuList } from '../../../nodeagent/sysfs/cpu-list.js';

describe('a list of CPUs', () => {
  test('has numbers and ranges of them', () => {
    assert.deepEqual(parseCpuList('0-3,8-11\n'), [0, 1, 2, 3, 8, 9, 10, 11]);
    assert.deepEqual(parseCpuList('5'), [5]);
    assert.deepEqual(parseCpuList('65535'), [65_535]);
    assert.equal(parseCpuList('0-65535')?.length, 65_536);
  });

  test('of no CPU is empty', () => {
    assert.deepEqual(parseCpuList('\n'), []);
    assert.equal(renderCpuList([]), '');
  });

  test('names each CPU once and in order, however it was written', () => {
    assert.deepEqual(parseCpuList('8,0-2,1-3'), [0, 1, 2, 3, 8]);
    assert.equal(renderCpuList([3, 1, 2, 2, 0, 8, 10, 9, 12]), '0-3,8-10,12');
  });

  test('is not known where it is malformed or beyond all machines', () => {
    const wrong = [
      'a',
      '1,',
      ',1',
      '1-',
      '-1',
      '3-1',
      '1--2',
      '1 2',
      '0-7:2/4',
      '0x1',
      '1.5',
      '65536',
      '0-99999',
      '123456',
    ];
    for (const text of [...wrong, '0-65535,0', '０']) assert.equal(parseCpuList(text), undefined, text);
  });

  test('is read as it was written', () => {
    for (const list of ['0', '0-1', '0,2', '0-3,8-11,64-127']) {
      assert.equal(renderCpuList(parseCpuList(list) ?? []), list);
    }
  });
});
