import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Type } from 'typebox';
import { SchemaWriter } from '../../../apiserver/api/openapi-schemas.js';
import { buildOpenApi } from '../../../apiserver/api/openapi-document.js';
import { routeSchema } from '../../../apiserver/api/route-schema.js';
import {
  Explanation,
  NodeNetworkList,
  PODNET_GROUP_VERSION,
  PodNetwork,
  PodNetworkList,
  VirtualFunctionList,
} from '../../../openapi/podnet-api.js';
import { createTestServer, type TestServer } from '../../support/app.js';
import { run } from '../../support/bundle.js';
import { missing } from '../../support/requirements.js';

interface Operation {
  readonly operationId?: string;
  readonly 'x-kubernetes-action'?: string;
  readonly 'x-kubernetes-group-version-kind'?: object;
}
interface Document {
  readonly swagger?: string;
  readonly openapi?: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly definitions: Readonly<Record<string, object>>;
  readonly components: { readonly schemas: Readonly<Record<string, Record<string, unknown>>> };
}
type Root = { readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>> };

const PODNETWORKS = '/apis/podnet.dev/v1alpha1/namespaces/:namespace/podnetworks';
/** A server that has podnetworks. */
function createServer(): TestServer {
  const server = createTestServer();
  if (server.app.hasRoute({ method: 'GET', url: PODNETWORKS })) return server;
  const kind = { groupVersion: PODNET_GROUP_VERSION, kind: 'PodNetwork' };
  const params = { namespace: 'Namespace of the pods.' };
  const list = { operationId: 'listPodNetworks', summary: 'Their interfaces.', kind, params, answer: PodNetworkList };
  const get = { ...list, operationId: 'getPodNetwork', params: { ...params, name: 'Its name.' }, answer: PodNetwork };
  server.app.get(PODNETWORKS, { schema: routeSchema({ ...list, action: 'list' }) }, () => ({}));
  server.app.get(`${PODNETWORKS}/:name`, { schema: routeSchema({ ...get, action: 'get' }) }, () => ({}));
  return server;
}

async function documentsOf(server: TestServer): Promise<Map<string, Document>> {
  const { body: root } = await server.get<Root>('/openapi/v3');
  const documents = new Map<string, Document>();
  for (const [part, { serverRelativeURL }] of Object.entries(root.paths))
    documents.set(part, (await server.get<Document>(serverRelativeURL)).body);
  return documents;
}

/** Every path the server routes, in the form of the documents: read off its router, not off what was collected. */
async function routedPaths(server: TestServer): Promise<string[]> {
  await server.app.ready();
  const parents: string[] = [];
  return server.app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', text = '', methods] = /^([ │]*)[├└]── (\S*)(?: \((.*)\))?$/.exec(line) ?? [];
      if (text === '') return [];
      const depth = indent.length / 4;
      const parent = parents[depth - 1] ?? '';
      const path = parent === '/' ? `/${text}` : `${parent}${text}`;
      parents[depth] = path;
      return methods === undefined ? [] : [path.replace(/:(\w+)/g, '{$1}')];
    });
}

const operations = (documents: Iterable<Document>) =>
  [...documents].flatMap(({ paths }) =>
    Object.entries(paths).flatMap(([path, byMethod]) =>
      Object.entries(byMethod).map(([method, operation]) => ({ path, method, operation })),
    ),
  );

test('conformance 19: every route stands in v2 and in one v3 document', async () => {
  const server = createServer();
  const { body: v2 } = await server.get<Document>('/openapi/v2');
  const names = (documents: Iterable<Document>) =>
    operations(documents)
      .map(({ path, method }) => `${method} ${path}`)
      .sort();
  const v3 = names((await documentsOf(server)).values());
  assert.deepEqual(names([v2]), v3);
  assert.equal(new Set(v3).size, v3.length);
  const documented = new Set(v3.map((name) => name.slice(name.indexOf(' ') + 1)));
  const routed = await routedPaths(server);
  assert.ok(routed.length > 20 && routed.includes('/apis/podnet.dev/v1alpha1/nodereports'));
  for (const path of routed) assert.ok(documented.has(path) || documented.has(`${path}/`), path);
  assert.equal(documented.size, routed.length);
});

test('conformance 19: the documents are valid OpenAPI', async () => {
  const server = createServer();
  const { body: v2 } = await server.get<Document>('/openapi/v2');
  for (const [part, document] of [['v2', v2] as const, ...(await documentsOf(server))]) {
    const { valid, errors } = await new Validator().validate({ ...document });
    assert.ok(valid, `${part}: ${JSON.stringify(errors)}`);
    assert.equal(document.swagger ?? document.openapi, part === 'v2' ? '2.0' : '3.0.3');
  }
});

test('conformance 19: each operation has an id of its own', async () => {
  const ids = operations((await documentsOf(createServer())).values()).map(({ operation }) => operation.operationId);
  const given = ids.filter((id) => id !== undefined);
  assert.equal(new Set(given).size, given.length);
});

test('conformance 19: a v3 document has its own paths and the definitions they need', async () => {
  const documents = await documentsOf(createServer());
  for (const part of ['apis', 'apis/podnet.dev', 'version', 'metrics', 'readyz', 'index'])
    assert.ok(documents.has(part), part);
  for (const [part, { paths, components }] of documents) {
    const [, group, version] = part.split('/');
    for (const path of Object.keys(paths)) {
      if (version !== undefined) assert.ok(path.startsWith(`/apis/${group}/${version}/`), path);
      else assert.ok(part === 'index' ? path === '/' : path.split('/')[1] === part.split('/')[0], path);
    }
    const used = [...JSON.stringify({ paths, components }).matchAll(/"#\/components\/schemas\/([^"]+)"/g)];
    assert.deepEqual([...new Set(used.map(([, name]) => name))].sort(), Object.keys(components.schemas).sort(), part);
  }
});

test('every definition is named so that no other server has it', async () => {
  const server = createServer();
  const { body: v2 } = await server.get<Document>('/openapi/v2');
  const names = [...(await documentsOf(server)).values()].flatMap(({ components }) => Object.keys(components.schemas));
  for (const name of [...names, ...Object.keys(v2.definitions)]) assert.match(name, /^dev\.podnet\.[\w.-]+$/);
  assert.ok(names.includes('dev.podnet.v1alpha1.PodNetwork'));
});

test('kinds and operations carry what kubectl explain looks for', async () => {
  const document = (await documentsOf(createServer())).get('apis/podnet.dev/v1alpha1');
  assert.ok(document !== undefined);
  const kind = { group: 'podnet.dev', version: 'v1alpha1', kind: 'PodNetwork' };
  const { get } = document.paths['/apis/podnet.dev/v1alpha1/namespaces/{namespace}/podnetworks'] ?? {};
  assert.equal(get?.['x-kubernetes-action'], 'list');
  assert.deepEqual(get['x-kubernetes-group-version-kind'], kind);
  const schema = document.components.schemas['dev.podnet.v1alpha1.PodNetwork'];
  assert.deepEqual(schema?.['x-kubernetes-group-version-kind'], [kind]);
});

test('conformance 19: the recorded request of an aggregator is answered', async () => {
  const recordings = JSON.parse(await readFile('test/fixtures/contract/aggregator-requests.json', 'utf8')) as {
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
  }[];
  const recorded = recordings.find(({ url }) => url.startsWith('/openapi/'));
  assert.equal(recorded?.url, '/openapi/v2');
  const { statusCode, headers, body } = await createServer().get<Document>(recorded.url, recorded.headers);
  assert.deepEqual([statusCode, headers['content-type'], body.swagger], [200, 'application/json', '2.0']);
});

test('conformance 19: tags are hashes, and who has the document gets 304', async () => {
  const server = createServer();
  for (const path of ['/openapi/v2', '/openapi/v3', '/openapi/v3/apis/podnet.dev/v1alpha1', '/openapi/v3/apis/']) {
    const { headers, statusCode } = await server.get(path, { accept: 'application/json' });
    assert.equal(statusCode, 200, path);
    assert.match(String(headers['etag']), /^"[0-9A-F]{128}"$/);
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers['cache-control'], 'no-cache, private');
    const again = await server.get(path, { 'if-none-match': String(headers['etag']) });
    assert.deepEqual([again.statusCode, again.text], [304, '']);
  }
});

test('conformance 19: the present hash may be kept, another gets the present document', async () => {
  const server = createServer();
  const { body: root } = await server.get<Root>('/openapi/v3');
  const url = root.paths['apis/podnet.dev/v1alpha1']?.serverRelativeURL ?? '';
  assert.match(url, /^\/openapi\/v3\/apis\/podnet\.dev\/v1alpha1\?hash=[0-9A-F]{128}$/);
  const kept = await server.get(url);
  assert.equal(kept.headers['cache-control'], 'public, immutable');
  assert.equal(kept.headers['expires'], 'Sun, 21 Nov 2027 00:00:00 GMT');
  const stale = await server.get(url.replace(/hash=.*/, 'hash=AA'));
  assert.deepEqual([stale.statusCode, stale.headers['location']], [200, undefined]);
  assert.equal(stale.headers['cache-control'], 'no-cache, private');
  assert.equal(stale.text, kept.text);
});

test('documents are the same at every start, so that tags last', async () => {
  const tags = await Promise.all(
    [createServer(), createServer()].map(async (server) => (await server.get('/openapi/v3')).headers['etag']),
  );
  assert.equal(tags[0], tags[1]);
});

test('an unknown document is a 404, protobuf alone a 406', async () => {
  const server = createServer();
  for (const path of ['/openapi/v3/nope', '/openapi/v3/apis/x', '/openapi/v3/apis/podnet.dev/v1', '/openapi'])
    assert.equal((await server.get(path)).body.reason, 'NotFound', path);
  const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
  for (const path of ['/openapi/v2', '/openapi/v3', '/openapi/v3/apis']) {
    const { statusCode, body } = await server.get(path, { accept });
    assert.deepEqual([statusCode, body.reason], [406, 'NotAcceptable']);
    assert.equal((await server.get(path, { accept: `${accept}, */*` })).statusCode, 200);
  }
});

test('schemas document: requests and answers are not held to them', async () => {
  const server = createTestServer();
  const answer = Type.Object({ a: Type.Integer() });
  const query = { limit: 'A number.' };
  const schema = routeSchema({ operationId: 'x', summary: 'x', query, answer });
  server.app.get('/x', { schema: { ...schema, headers: Type.Object({ needed: Type.String() }) } }, () => ({ b: 1 }));
  assert.equal((await server.get('/x')).text, '{"b":1}\n');
});

test('every field of our kinds is described, as kubectl explain prints it', () => {
  const writer = new SchemaWriter('openapi3');
  for (const kind of [PodNetworkList, NodeNetworkList, VirtualFunctionList, Explanation])
    writer.write(JSON.parse(JSON.stringify(kind)) as Parameters<SchemaWriter['write']>[0]);
  assert.ok(writer.definitions.has('dev.podnet.v1alpha1.VirtualFunction'));
  for (const [name, schema] of writer.definitions) {
    for (const [field, property] of Object.entries(schema['properties'] ?? {}) as [string, object][])
      assert.ok('description' in property, `${name} ${field}`);
  }
});

test('what JSON Schema says is said in the words of each version', () => {
  const Named = Type.Object({ a: Type.String() }, { $id: 'dev.podnet.Named', description: 'Has a name.' });
  const schema = JSON.parse(
    JSON.stringify(
      Type.Object({
        literal: Type.Literal('x'),
        literals: Type.Union([Type.Literal('x'), Type.Literal('y'), Type.Null()], { description: 'Either.' }),
        nullable: Type.Union([Type.Integer(), Type.Null()]),
        named: Named,
        namedOrNull: Type.Union([Named, Type.Null()], { description: 'Or none.' }),
        record: Type.Record(Type.String(), Type.Integer()),
        either: Type.Union([Type.Integer(), Type.String()]),
        properties: Type.String(),
      }),
    ),
  ) as Parameters<SchemaWriter['write']>[0];
  const written = (dialect: 'openapi3' | 'swagger2') =>
    (new SchemaWriter(dialect).write(schema) as { properties: Record<string, unknown> }).properties;
  const reference = { $ref: 'dev.podnet.Named#' };
  const common = {
    literal: { type: 'string', enum: ['x'] },
    record: { type: 'object', additionalProperties: { type: 'integer' } },
    properties: { type: 'string' },
  };
  assert.deepEqual(written('openapi3'), {
    ...common,
    literals: { type: 'string', enum: ['x', 'y'], nullable: true, description: 'Either.' },
    nullable: { type: 'integer', nullable: true },
    named: { description: 'Has a name.', allOf: [reference] },
    namedOrNull: { description: 'Or none.', allOf: [reference], nullable: true },
    either: { anyOf: [{ type: 'integer' }, { type: 'string' }] },
  });
  assert.deepEqual(written('swagger2'), {
    ...common,
    literals: { type: 'string', enum: ['x', 'y'], 'x-nullable': true, description: 'Either.' },
    nullable: { type: 'integer', 'x-nullable': true },
    named: { description: 'Has a name.', ...reference },
    namedOrNull: { description: 'Or none.', ...reference, 'x-nullable': true },
    either: {},
  });
});

test('two different schemas of one name are refused', async () => {
  const named = (description: string) => Type.Object({ a: Type.String({ description }) }, { $id: 'dev.podnet.Twice' });
  const route = (url: string, text: string) => ({
    ...{ url, methods: ['GET'] as const },
    schema: routeSchema({ operationId: url, summary: url, answer: named(text) }),
  });
  await buildOpenApi('openapi3', [route('/a', 'one'), route('/b', 'one')], '0.0.0');
  const twice = buildOpenApi('openapi3', [route('/a', 'one'), route('/b', 'other')], '0.0.0');
  await assert.rejects(twice, /^TypeError: dev\.podnet\.Twice: two different schemas have this \$id$/);
});

/** Runs kubectl against a server of the test, with a home of its own for its caches. */
async function kubectl(
  t: TestContext,
  ...args: string[]
): Promise<{ code: number | string; out: string; error: string }> {
  const server = await createServer().listen();
  t.after(() => server.close());
  const home = await mkdtemp(join(tmpdir(), 'podnet-kubectl-'));
  t.after(() => rm(home, { recursive: true }));
  const flags = ['--server', server.url, '--insecure-skip-tls-verify', '--token', 'none'];
  const client = run('kubectl', [...flags, ...args], { env: { HOME: home, KUBECONFIG: '' } });
  return { code: await client.ended, out: client.out(), error: client.error() };
}

const noKubectl = missing('kubectl');

test('kubectl lists the resources, by their short names too', { skip: noKubectl }, async (t) => {
  const { code, out, error } = await kubectl(t, 'api-resources', '--api-group', 'podnet.dev');
  assert.equal(code, 0, error);
  assert.match(out, /^podnetworks +pn +podnet\.dev\/v1alpha1 +true +PodNetwork$/m);
  assert.match(out, /^nodenetworks +nn +podnet\.dev\/v1alpha1 +false +NodeNetwork$/m);
  assert.match(out, /^virtualfunctions +vf +podnet\.dev\/v1alpha1 +false +VirtualFunction$/m);
});

test(
  'kubectl explains a kind and its fields',
  { skip: noKubectl === false ? await tooOld() : noKubectl },
  async (t) => {
    const { code, out, error } = await kubectl(t, 'explain', 'pn');
    assert.equal(code, 0, error);
    assert.match(out, /^GROUP: +podnet\.dev\nKIND: +PodNetwork\nVERSION: +v1alpha1\n/);
    assert.match(out, /pciAddress\t<string>\n +PCI address of the device behind it\./);
    assert.match(out, /rates\t<InterfaceRates>\n +The eight rates;/);
    assert.doesNotMatch(out, /no description/);
    for (const field of ['podnetworks.rates', 'podnetworks.absent', 'nodenetworks.ipAddresses']) {
      const explained = await kubectl(t, 'explain', field);
      const [, description = ''] = /^DESCRIPTION:\n([^]*?)\n\s*\nFIELDS:$/m.exec(explained.out) ?? [];
      const sentences = description.trim().split(/\n\s*/);
      assert.equal(new Set(sentences).size, sentences.length, explained.out);
      assert.match(description, /\w/);
    }
  },
);

/** Until 1.28 kubectl explains from protobuf alone, which a kube-apiserver makes of our document, and we do not. */
async function tooOld(): Promise<string | false> {
  const client = run('kubectl', ['version', '--client', '--output', 'json']);
  await client.ended;
  const minor = Number(/"minor": *"(\d+)/.exec(client.out())?.[1] ?? 0);
  return minor < 28 && `kubectl 1.${minor} explains from protobuf alone: needs 1.28`;
}
