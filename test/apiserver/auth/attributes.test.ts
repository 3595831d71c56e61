import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { attributesOf, type Attributes } from '../../../apiserver/auth/attributes.js';
import { ApiError } from '../../../apiserver/api/errors.js';

function of(method: string, target: string): Attributes {
  const query = Object.fromEntries(new URL(target, 'https://x').searchParams);
  return attributesOf(method, target, query);
}

const G = '/apis/custom.metrics.k8s.io/v1beta2';
const X = '/apis/external.metrics.k8s.io/v1beta1';
const custom = { group: 'custom.metrics.k8s.io', version: 'v1beta2' };
const external = { group: 'external.metrics.k8s.io', version: 'v1beta1' };

/** Contract, 5.3, and requestinfo_test.go of Kubernetes. */
const RESOURCES: readonly (readonly [string, string, object])[] = [
  [
    'GET',
    `${G}/namespaces/demo/pods/p1/rtt`,
    { ...custom, namespace: 'demo', verb: 'get', resource: 'pods', subresource: 'rtt', name: 'p1' },
  ],
  [
    'GET',
    `${G}/namespaces/demo/pods/%2A/rtt?watch=true`,
    { ...custom, namespace: 'demo', verb: 'get', resource: 'pods', subresource: 'rtt', name: '*' },
  ],
  [
    'GET',
    `${G}/namespaces/demo/pods/*/rtt/`,
    { ...custom, namespace: 'demo', verb: 'get', resource: 'pods', subresource: 'rtt', name: '*' },
  ],
  [
    'GET',
    `${G}/namespaces/demo/deployments.apps/web/q`,
    { ...custom, namespace: 'demo', verb: 'get', resource: 'deployments.apps', subresource: 'q', name: 'web' },
  ],
  [
    'GET',
    `${G}/namespaces/demo/metrics/nsm`,
    { ...custom, namespace: 'demo', verb: 'get', resource: 'metrics', name: 'nsm' },
  ],
  ['GET', `${G}/nodes/n1/load`, { ...custom, verb: 'get', resource: 'nodes', subresource: 'load', name: 'n1' }],
  ['GET', `${X}/namespaces/demo/m`, { ...external, namespace: 'demo', verb: 'list', resource: 'm' }],
  ['GET', `${X}/namespaces/demo/m?watch=0`, { ...external, namespace: 'demo', verb: 'list', resource: 'm' }],
  ['GET', `${X}/namespaces/demo/m?watch=`, { ...external, namespace: 'demo', verb: 'watch', resource: 'm' }],
  [
    'GET',
    `${X}/namespaces/demo/m?fieldSelector=metadata.name%3Dx`,
    { ...external, namespace: 'demo', verb: 'list', resource: 'm', name: 'x' },
  ],
  [
    'GET',
    `${X}/namespaces/demo/m?fieldSelector=metadata.name%3Da/b`,
    { ...external, namespace: 'demo', verb: 'list', resource: 'm' },
  ],
  [
    'GET',
    `${X}/namespaces/demo/m?labelSelector=a%3Db,c+in+(d,e),f!%3Dg,h,!i,j>1`,
    {
      ...external,
      ...{ namespace: 'demo', verb: 'list', resource: 'm' },
      labelSelector: {
        requirements: [
          { key: 'a', operator: 'In', values: ['b'] },
          { key: 'c', operator: 'In', values: ['d', 'e'] },
          { key: 'f', operator: 'NotIn', values: ['g'] },
          { key: 'h', operator: 'Exists' },
          { key: 'i', operator: 'DoesNotExist' },
        ],
      },
    },
  ],
  [
    'GET',
    `${X}/namespaces/demo/m?labelSelector=%3D%3D`,
    { ...external, namespace: 'demo', verb: 'list', resource: 'm' },
  ],
  [
    'POST',
    '/apis/podnet.dev/v1alpha1/nodereports',
    { group: 'podnet.dev', version: 'v1alpha1', verb: 'create', resource: 'nodereports' },
  ],
  [
    'DELETE',
    '/api/v1/namespaces/demo/pods',
    { version: 'v1', namespace: 'demo', verb: 'deletecollection', resource: 'pods' },
  ],
  ['GET', '/api/v1/namespaces', { version: 'v1', verb: 'list', resource: 'namespaces' }],
  [
    'GET',
    '/api/v1/namespaces/demo',
    { version: 'v1', namespace: 'demo', verb: 'get', resource: 'namespaces', name: 'demo' },
  ],
  [
    'PUT',
    '/api/v1/namespaces/demo/finalize',
    { version: 'v1', namespace: 'demo', verb: 'update', resource: 'namespaces', name: 'demo', subresource: 'finalize' },
  ],
  ['PATCH', '/api/v1/nodes/n1', { version: 'v1', verb: 'patch', resource: 'nodes', name: 'n1' }],
  ['HEAD', '/api/v1/nodes/n1', { version: 'v1', verb: 'get', resource: 'nodes', name: 'n1' }],
  ['OPTIONS', '/api/v1/nodes/n1', { version: 'v1', verb: '', resource: 'nodes', name: 'n1' }],
];

for (const [method, target, resourceAttributes] of RESOURCES) {
  test(`${method} ${target} is about a resource`, () => {
    assert.deepEqual(of(method, target), { resourceAttributes });
  });
}

const PATHS = ['/', '/metrics', '/apis', '/apis/', G, '/api/v1', '/openapi/v2', '/openapi/v3/apis/g/v', '/readyz/ping'];
for (const path of PATHS) {
  test(`GET ${path} is about no resource`, () => {
    const expected = path.length > 1 ? path.replace(/\/$/, '') : path;
    assert.deepEqual(of('GET', `${path}?x=1`), { nonResourceAttributes: { path: expected, verb: 'get' } });
  });
}

const INVALID = [
  `${G}/namespaces/demo/pods/a%2Fb/rtt`,
  `${G}/namespaces/..%2Fkube-system/pods/a/rtt`,
  `${G}/namespaces/%2e%2e/pods/a/rtt`,
  `${G}/namespaces/demo/./pods/rtt`,
  `${G}/namespaces//pods/a/rtt`,
  `${G}/namespaces/demo/pods/a%00/rtt`,
  `${G}/namespaces/demo/pods/a%252Fb/rtt`,
  `${G}/namespaces/demo/pods/%zz/rtt`,
  `${G}/namespaces/demo/pods/a%5Cb/rtt`,
  `${G}/watch/namespaces/demo/pods`,
  '//metrics',
  '/metrics//',
  '/metrics#x',
  'https://host/metrics',
  '*',
  '',
];
for (const target of INVALID) {
  test(`${JSON.stringify(target)} is no path`, () => {
    assert.throws(() => attributesOf('GET', target, {}), { reason: 'BadRequest', message: 'invalid request path' });
  });
}

const selecting = (labelSelector: string): Attributes =>
  attributesOf('GET', `${X}/namespaces/demo/m`, { labelSelector });
const TOO_MUCH: readonly (readonly [string, string, string])[] = [
  [
    'a hundred and one requirements',
    Array.from({ length: 101 }, (_, i) => `a${i}`).join(),
    'more than 100 requirements',
  ],
  ['4,097 characters', `a in (${'b,'.repeat(2_045)})`, 'longer than 4096 characters'],
  ['60,000 characters that do not parse', 'a,'.repeat(30_000), 'longer than 4096 characters'],
];
for (const [what, selector, message] of TOO_MUCH) {
  test(`a label selector of ${what} is refused`, () => {
    assert.throws(() => selecting(selector), { statusCode: 400, message: `labelSelector: ${message}` });
  });
}

test('a requirement that stands there often is asked about once', () => {
  assert.deepEqual(selecting(`${'a=b,'.repeat(500)}c,c,c`), {
    resourceAttributes: {
      ...{ ...external, namespace: 'demo', verb: 'list', resource: 'm' },
      labelSelector: {
        requirements: [
          { key: 'a', operator: 'In', values: ['b'] },
          { key: 'c', operator: 'Exists' },
        ],
      },
    },
  });
});

test('nothing but a refusal is ever thrown', () => {
  const segment = fc.oneof(fc.string(), fc.constantFrom('apis', 'api', 'namespaces', '%2f', '..', '%2e', 'watch', '%'));
  const target = fc.array(segment).map((segments) => `/${segments.join('/')}`);
  fc.assert(
    fc.property(fc.oneof(target, fc.string()), fc.anything(), (path, query) => {
      try {
        attributesOf('GET', path, query);
      } catch (error) {
        assert.ok(error instanceof ApiError && error.statusCode === 400, String(error));
      }
    }),
  );
});

test('an encoded path is about what it decodes to, or refused', () => {
  const plain = ['', 'apis', 'custom.metrics.k8s.io', 'v1beta2', 'namespaces', 'demo', 'pods', 'p1', 'rtt'];
  const path = plain.join('/');
  const expected = of('GET', path);
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(path.length - 1), { maxLength: 20 }), (positions) => {
      const encoded = Array.from(path, (character, i) =>
        positions.includes(i) && i > 0 ? `%${character.charCodeAt(0).toString(16).padStart(2, '0')}` : character,
      ).join('');
      const hidesSlash = positions.some((i) => i > 0 && path[i] === '/');
      if (hidesSlash) assert.throws(() => attributesOf('GET', encoded, {}), { reason: 'BadRequest' });
      else assert.deepEqual(attributesOf('GET', encoded, {}), expected);
    }),
  );
});
