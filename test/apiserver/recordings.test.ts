// Every recorded request, sent as it was recorded: over TLS, with the certificate of the front proxy. Names of the recordings are mapped
// to ours; the answer to expect is the contract's.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import type { Status } from '../../openapi/kubernetes.js';
import type { Answer } from '../support/connections.js';
import { METRIC, deployDemo } from '../support/demo-data.js';
import { HPA, startDeployment, type Deployment } from '../support/deployment.js';

interface Recorded {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
}

async function read(file: string): Promise<Recorded[]> {
  return JSON.parse(await readFile(`test/fixtures/contract/${file}`, 'utf8')) as Recorded[];
}

const recordings = [...(await read('requests.json')), ...(await read('aggregator-requests.json'))];

/** Names of the recordings, and what is called so here. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/\/(lossy|rtt|hits|q|nsm|load|my-external-metric|imp)(?=\?|$)/, `/${METRIC}`],
  [/\/namespaces\/default\//, '/namespaces/demo/'],
  [/\/services\/upf\//, '/services/svc1/'],
  [/labelSelector=app%3Dupf/, 'labelSelector=app%3Dweb'],
  [/metricLabelSelector=peer%3Dgw%2Cpeer\+in/, 'metricLabelSelector=network%3Dgw%2Cnetwork+in'],
  [/metricLabelSelector=interface\+in.*$/, 'metricLabelSelector=interface+in+%28net1%2Cnet2%29%2Cnetwork%3Dgw'],
  [/labelSelector=(foo%3Dbar|networkname%3Da)/, 'labelSelector=network%3Dgw'],
  [/labelSelector=x\+in\+%28a%29/, 'labelSelector=pod+in+%28p1%29'],
];

function mapped(url: string): string {
  return NAMES.reduce((seen, [pattern, ours]) => seen.replace(pattern, ours), url);
}

let deployment: Deployment;
before(async () => {
  deployment = await startDeployment();
  await deployDemo(deployment);
  deployment.rules.push(
    ({ groups = [], nonResourceAttributes }) =>
      groups.includes('system:authenticated') && /^\/(apis|openapi)/.test(nonResourceAttributes?.path ?? ''),
    ({ user, resourceAttributes }) => user === HPA && resourceAttributes !== undefined,
  );
});
after(() => deployment.close());

type Check = (answer: Answer<Status>) => void;
const ok =
  (kind: string): Check =>
  ({ statusCode, body, headers }) => {
    assert.equal(statusCode, 200, body?.message);
    assert.match(String(headers['content-type']), /^application\/json/);
    assert.equal(body.kind, kind);
  };
const values =
  (...expected: string[]): Check =>
  (answer) => {
    ok('MetricValueList')(answer);
    const { items } = answer.body as unknown as MetricValueListV1Beta2;
    assert.deepEqual(
      items.map(({ describedObject, value }) => `${describedObject.name}=${value}`),
      expected,
    );
  };
const refused =
  (code: number, message: RegExp): Check =>
  ({ statusCode, body }) => {
    assert.equal(statusCode, code);
    assert.equal(body.kind, 'Status');
    assert.match(body.message, message);
  };
const document =
  (member: string): Check =>
  ({ statusCode, headers, text }) => {
    assert.equal(statusCode, 200);
    assert.match(String(headers['content-type']), /^application\/json/);
    assert.notEqual(headers['etag'], undefined);
    assert.ok(member in (JSON.parse(text) as object));
  };

/** What the contract says of a request; the first that matches. */
const CONTRACT: readonly (readonly [RegExp, Check])[] = [
  [/^\/openapi\/v2$/, document('swagger')],
  [/^\/openapi\/v3$/, document('paths')],
  [/^\/openapi\/v3\/apis\//, document('openapi')],
  [/^\/apis$/, document('items')],
  [/^\/apis\/[^/]+\/[^/]+$/, ok('APIResourceList')],
  [/\/namespaces\/demo\/pods\?limit=500$/, refused(400, /^invalid request path$/)],
  [/\/namespaces\/demo\/nodes\/n1\//, refused(403, /--cluster-metrics-namespaces/)],
  [/\/pods\/%2A\/.*metricLabelSelector=/, values('p1=0', 'p2=0')],
  [/\/pods\/%2A\//, values('p1=1500', 'p2=500')],
  [/\/services\/svc1\//, values('svc1=2k')],
  [/\/deployments\.apps\/web\//, values('web=2k')],
  [/\/namespaces\/demo\/metrics\//, values('demo=2k')],
  [/^\/apis\/external\.metrics\.k8s\.io\/.*namespaces/, ok('ExternalMetricValueList')],
];

for (const [i, { method, url, headers }] of recordings.entries()) {
  test(`recorded request ${i}: ${method} ${url}`, async () => {
    const path = mapped(url);
    const check = CONTRACT.find(([pattern]) => pattern.test(path))?.[1];
    assert.ok(check !== undefined, `nothing is said of ${path}`);
    // The proxy's own connection; a tag of another server's document is not ours.
    const answer = await deployment.asProxy(path, { method, headers });
    assert.equal(answer.headers['retry-after'], undefined);
    check(answer);
  });
}
