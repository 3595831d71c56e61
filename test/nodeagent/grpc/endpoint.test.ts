import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSocketEndpoint } from '../../../nodeagent/grpc/endpoint.js';

for (const text of ['unix:///run/crio/crio.sock', 'unix:/run/crio/crio.sock', '/run/crio/crio.sock']) {
  test(`${text} is a socket`, () => assert.equal(parseSocketEndpoint(text), '/run/crio/crio.sock'));
}

for (const text of [
  '',
  'unix://',
  'unix://run/crio.sock',
  'crio.sock',
  'tcp://127.0.0.1:1',
  'npipe:////./pipe/x',
  'unix:////a',
]) {
  test(`"${text}" is no socket`, () => assert.equal(parseSocketEndpoint(text), undefined));
}
