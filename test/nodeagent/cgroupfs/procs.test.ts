import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProcs } from '../../../nodeagent/cgroupfs/procs.js';
import { parseCgroupPaths, parsePidDepth } from '../../../nodeagent/procfs/cgroup-paths.js';

test('pids are taken in their order, and each once', () => {
  assert.deepEqual(parseProcs('30\n7\n30\n'), [30, 7]);
});

test('processes of another pid namespace have no number', () => {
  assert.deepEqual(parseProcs('0\n0\n'), []);
  assert.deepEqual(parseProcs(''), []);
});

test('what is no pid is passed over', () => {
  assert.deepEqual(parseProcs('x\n-1\n12345678901\n5\n'), [5]);
});

test('a path may hold colons, and lines that are none are passed over', () => {
  assert.deepEqual(parseCgroupPaths('3:cpu,cpuacct:/a:b:c\n0::/../x\nnonsense\n1:name=x:relative\n'), [
    '/a:b:c',
    '/../x',
  ]);
});

test('the depth of pid namespaces is how many pids a process has', () => {
  assert.equal(parsePidDepth('Name:\tnode\nNSpid:\t24618\t12\nNSpgid:\t1\n'), 2);
  assert.equal(parsePidDepth('NSpid:\t12\n'), 1);
  assert.equal(parsePidDepth('Name:\tnode\n'), undefined);
});
