import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CRI, type CriMethod } from '../../../nodeagent/cri/messages.js';
import { RECORDED, recordedBytes, recordedJson } from '../../support/cri-server.js';
import { definitionOf, type Message } from '../../support/grpc-server.js';

const RECORDINGS: readonly (readonly [file: string, CriMethod])[] = [
  ['Version', 'Version'],
  ['ListPodSandbox', 'ListPodSandbox'],
  ['ListContainers', 'ListContainers'],
  ['PodSandboxStatus.web-0.verbose', 'PodSandboxStatus'],
  ['PodSandboxStatus.web-1.verbose', 'PodSandboxStatus'],
];

/** By id: containerd lists in another order each time, and bytes and JSON are of two calls. */
function inOrder(message: unknown): unknown {
  const copy = structuredClone(message) as Message;
  for (const list of [copy['items'], copy['containers']]) {
    if (Array.isArray(list)) (list as { id: string }[]).sort((a, b) => (a.id < b.id ? -1 : 1));
  }
  return copy;
}

/** Of what is expected, the fields that were read; of every list all members. */
function projection(expected: unknown, read: unknown): unknown {
  if (Array.isArray(expected) && Array.isArray(read)) return expected.map((one, i) => projection(one, read[i]));
  if (typeof expected !== 'object' || expected === null || typeof read !== 'object' || read === null) return expected;
  const known = new Map(Object.entries(read));
  return Object.fromEntries(
    Object.entries(expected)
      .filter(([name]) => known.has(name))
      .map(([name, value]) => [name, projection(value, known.get(name))]),
  );
}

for (const runtime of RECORDED) {
  for (const [file, method] of RECORDINGS) {
    test(`${file} of ${runtime} reads as it was recorded`, () => {
      const read = inOrder(definitionOf(CRI)[method]?.responseDeserialize(recordedBytes(runtime, file)));
      assert.ok(JSON.stringify(read).length > 50);
      assert.deepEqual(read, projection(inOrder(recordedJson(runtime, file)), read));
    });
  }
}

test('times keep their nanoseconds', () => {
  const read: unknown = definitionOf(CRI)['ListPodSandbox']?.responseDeserialize(
    recordedBytes('containerd-1.6.20', 'ListPodSandbox'),
  );
  assert.match(JSON.stringify(read), /"created_at":"1795208692382716443"/);
});

test('a message that was cut is an error', () => {
  const bytes = recordedBytes('containerd-2.1.9', 'ListPodSandbox');
  assert.throws(() => definitionOf(CRI)['ListPodSandbox']?.responseDeserialize(bytes.subarray(0, bytes.length - 3)));
});
