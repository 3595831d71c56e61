import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { field, message, repeated } from '../../../nodeagent/grpc/service.js';
import { createValueBound } from '../../../nodeagent/grpc/value-bound.js';
import { CRI, type CriMethod } from '../../../nodeagent/cri/messages.js';
import { POD_RESOURCES_LISTER } from '../../../nodeagent/podresources/messages.js';
import { RECORDED, recordedBytes } from '../../support/cri-server.js';

const INFO = { keyType: 'string', type: 'string', id: 3 };
const TYPES = {
  Outer: message({ inner: repeated('Inner', 1), name: field('string', 2), state: field('State', 3) }),
  Inner: message({ ids: repeated('int64', 1), flag: field('bool', 2), info: INFO }),
  State: { values: { OFF: 0, ON: 1 } },
};

/** @param hex of an Outer */
function check(maxValues: number, hex: string): void {
  createValueBound(TYPES, maxValues)(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 'Outer');
}

for (const [what, hex, values] of [
  ['nothing', '', 0],
  ['an empty message', '0a 00', 1],
  ['messages', '0a 00 0a 00 0a 00', 3],
  ['a text', '12 03 616263', 1],
  ['an enumeration', '18 01', 1],
  ['numbers one by one', '0a 06 08 01 08 02 08 03', 4],
  ['packed numbers, by their bytes', '0a 05 0a 03 01 02 03', 4],
  ['an entry of a map, which is not looked into', '0a 06 1a 04 0a00 1200', 2],
  ['nothing of what is not known', '22 02 0a 00 28 ffffffff0f 31 0102030405060708 3d 01020304 0a 02 22 00', 1],
] as const) {
  test(`${what}: ${values} values`, () => {
    check(values, hex);
    if (values > 0)
      assert.throws(() => check(values - 1, hex), { name: 'RangeError', message: /^more than \d+ values$/ });
  });
}

for (const [what, hex] of [
  ['a message that is longer than what it is in', '0a 04 0a 05 01 02'],
  ['a text that was cut', '12 05 61'],
  ['an unknown text that was cut', '22 05 61'],
  ['a number that was cut', '18 80'],
  ['a number without an end', '18 ffffffffffffffffffff01'],
  ['a number of fixed length that was cut', '31 01'],
  ['a tag without a field', 'ffffffffffffffff7f'],
  ['a group', '0b 0c'],
  ['the end of a group', '0c'],
  ['a message that is a number', '08 01'],
  ['a text that is a number', '10 01'],
  ['a number that is a text', '1a 01 61'],
  ['a flag that is packed', '0a 03 12 01 01'],
] as const) {
  test(`${what} is no message`, () =>
    assert.throws(() => check(10, hex), { name: 'RangeError', message: /^no message/ }));
}

test('recorded answers are within the bound', () => {
  const kubelet = createValueBound(POD_RESOURCES_LISTER.types, 100);
  kubelet(readFileSync('test/fixtures/kubelet/List.pb'), 'ListPodResourcesResponse');
  const cri = createValueBound(CRI.types, 100);
  for (const runtime of RECORDED) {
    for (const [file, method] of [
      ['Version', 'Version'],
      ['ListPodSandbox', 'ListPodSandbox'],
      ['ListContainers', 'ListContainers'],
      ['PodSandboxStatus.web-0.verbose', 'PodSandboxStatus'],
    ] satisfies [string, CriMethod][]) {
      cri(recordedBytes(runtime, file), CRI.methods[method].responseType);
    }
  }
});
