// Who may do what, as one table: every route of the server, asked by everybody there is. No cell may allow more than it must.
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { after, before, describe, test } from 'node:test';
import { CUSTOM, CUSTOM_V1BETA1, EXTERNAL, METRIC, PODNET, deployDemo } from '../support/demo-data.js';
import { HPA, remoteHeaders, startDeployment, type Deployment, type Rule } from '../support/deployment.js';
import { createAuthority, createLeaf } from '../support/certificates.js';
import type { Question } from '../support/connections.js';
import { eventually } from '../support/programs.js';
import { nodeReport, podReport } from '../support/reports.js';

/** Access as a cluster grants it by the roles that podnet and Kubernetes ship. */
const RULES: Readonly<Record<string, Rule>> = {
  // system:discovery and system:public-info-viewer
  discovery: ({ groups = [], nonResourceAttributes }) =>
    groups.includes('system:authenticated') &&
    /^\/(apis|openapi|version)(\/|$)/.test(nonResourceAttributes?.path ?? '') &&
    nonResourceAttributes?.verb === 'get',
  // a Role in the namespace demo: get and list of all that is read there
  reader: ({ user, resourceAttributes }) =>
    user === 'reader' &&
    resourceAttributes?.['namespace'] === 'demo' &&
    ['get', 'list'].includes(resourceAttributes['verb'] ?? ''),
  // system:controller:horizontal-pod-autoscaler
  hpa: ({ user, resourceAttributes }) =>
    user === HPA &&
    ['custom.metrics.k8s.io', 'external.metrics.k8s.io'].includes(resourceAttributes?.['group'] ?? '') &&
    ['get', 'list'].includes(resourceAttributes?.['verb'] ?? ''),
};

const SENDERS = [
  'anonymous',
  'no_rights',
  'reader',
  'hpa',
  'masters',
  'agent_a',
  'agent_claims_b',
  'agent_invents_pod',
  'proxy_without_certificate',
  'proxy_of_wrong_authority',
] as const;
type SenderName = (typeof SENDERS)[number];

const pods = `${CUSTOM}/namespaces/demo/pods/*/${METRIC}`;
/** What is asked for, and the senders that get it; all others are refused. */
interface Row {
  readonly path: string;
  readonly method?: string;
  readonly allowed: readonly SenderName[];
}
const KNOWN: readonly SenderName[] = ['no_rights', 'reader', 'hpa', 'masters'];
const METRIC_READERS: readonly SenderName[] = ['reader', 'hpa', 'masters'];
const TABLE: readonly Row[] = [
  ...['/healthz', '/livez', '/readyz'].map((path) => ({
    path,
    // A bad token or certificate is not even looked at there; the reference answers 401.
    allowed: SENDERS,
  })),
  ...['/healthz/ping', '/livez/ping', '/readyz/ping', '/', '/metrics'].map((path) => ({
    path,
    allowed: ['masters'] as const,
  })),
  ...[
    '/version',
    '/apis',
    '/apis/custom.metrics.k8s.io',
    '/apis/external.metrics.k8s.io',
    '/apis/podnet.dev',
    CUSTOM,
    CUSTOM_V1BETA1,
    EXTERNAL,
    PODNET,
  ].map((path) => ({ path, allowed: KNOWN })),
  ...['/openapi/v2', '/openapi/v3', '/openapi/v3/version', '/openapi/v3/apis/podnet.dev', `/openapi/v3${CUSTOM}`].map(
    (path) => ({ path, allowed: KNOWN }),
  ),
  ...[CUSTOM, CUSTOM_V1BETA1].flatMap((root) => [
    { path: `${root}/namespaces/demo/pods/*/${METRIC}`, allowed: METRIC_READERS },
    { path: `${root}/namespaces/demo/services/svc1/${METRIC}`, allowed: METRIC_READERS },
    { path: `${root}/namespaces/demo/metrics/${METRIC}`, allowed: METRIC_READERS },
    { path: `${root}/namespaces/other/pods/*/${METRIC}`, allowed: ['hpa', 'masters'] as const },
    { path: `${root}/nodes/node-a/${METRIC}`, allowed: ['hpa', 'masters'] as const },
    { path: `${root}/namespaces/demo/nodes/node-a/${METRIC}`, allowed: [] },
    { path: `${root}/nodes/*/network_dial_latency_seconds`, allowed: ['hpa', 'masters'] as const },
    { path: `${root}/namespaces/demo/nodes/*/network_dial_latency_seconds`, allowed: [] },
    { path: `${root}/namespaces/demo/pods`, allowed: METRIC_READERS },
  ]),
  { path: `${EXTERNAL}/namespaces/demo/${METRIC}`, allowed: METRIC_READERS },
  { path: `${EXTERNAL}/namespaces/other/${METRIC}`, allowed: ['hpa', 'masters'] },
  { path: `${PODNET}/podnetworks`, allowed: ['masters'] },
  { path: `${PODNET}/namespaces/demo/podnetworks`, allowed: ['reader', 'masters'] },
  { path: `${PODNET}/namespaces/demo/podnetworks/p1.eth0`, allowed: ['reader', 'masters'] },
  { path: `${PODNET}/namespaces/other/podnetworks`, allowed: ['masters'] },
  { path: `${PODNET}/namespaces/demo/explain/${METRIC}`, allowed: ['reader', 'masters'] },
  { path: `${PODNET}/namespaces/other/explain/${METRIC}`, allowed: ['masters'] },
  ...['nodenetworks', 'nodenetworks/node-a', 'virtualfunctions', 'virtualfunctions/none'].map((plural) => ({
    path: `${PODNET}/${plural}`,
    allowed: ['masters'] as const,
  })),
  // Bound to a node are only the agents: not even system:masters reports for one.
  { path: `${PODNET}/nodereports`, method: 'POST', allowed: ['agent_a', 'agent_invents_pod'] },
  { path: `${PODNET}/nodereports`, allowed: [] },
  { path: pods, method: 'DELETE', allowed: [] },
  { path: '/nowhere', allowed: [] },
];
/** Let in, and then told that there is nothing of the kind. */
const EMPTY_HANDED: Readonly<Record<string, readonly number[]>> = {
  [`${PODNET}/virtualfunctions/none`]: [404],
  [`${CUSTOM}/namespaces/demo/pods`]: [400],
  [`${CUSTOM_V1BETA1}/namespaces/demo/pods`]: [400],
};

let deployment: Deployment;
let senders: Readonly<Record<SenderName, (path: string, question: Question) => Promise<number>>>;

before(async () => {
  deployment = await startDeployment();
  await deployDemo(deployment);
  deployment.rules.push(...Object.values(RULES));
  const { authorities, agentToken, viaProxy, ask } = deployment;
  await eventually(
    async () => (await ask('/readyz', { method: 'GET' })).statusCode,
    (code) => code === 200,
  );
  const stranger = await createLeaf(authorities.client, 'front-proxy-client', { organizations: [] });
  const wrong = await createLeaf(await createAuthority('front-proxy-ca'), 'front-proxy-client');
  const withToken = async (path: string, question: Question, node = 'node-a') =>
    (
      await ask(path, {
        ...question,
        headers: { ...question.headers, authorization: `Bearer ${await agentToken({ node })}` },
      })
    ).statusCode;
  const masters = remoteHeaders({ user: 'admin', groups: ['system:masters'] });
  const proxied = (user: string, groups: string[]) => async (path: string, question: Question) =>
    (await viaProxy(path, { user, groups: [...groups, 'system:authenticated'] }, question)).statusCode;
  senders = {
    anonymous: async (path, question) => (await ask(path, question)).statusCode,
    no_rights: async (path, question) => (await ask(path, question, stranger)).statusCode,
    reader: proxied('reader', []),
    hpa: proxied(HPA, ['system:serviceaccounts']),
    masters: proxied('admin', ['system:masters']),
    agent_a: withToken,
    agent_claims_b: (path, question) => withToken(path, question, 'node-b'),
    agent_invents_pod: withToken,
    proxy_without_certificate: async (path, question) =>
      (await ask(path, { ...question, headers: { ...question.headers, ...masters } })).statusCode,
    proxy_of_wrong_authority: async (path, question) =>
      (await ask(path, { ...question, headers: { ...question.headers, ...masters } }, wrong)).statusCode,
  };
});
after(() => deployment.close());

let second = 100;
function questionOf(method: string, sender: SenderName): Question {
  if (method !== 'POST') return { method };
  second++;
  const invented = podReport({ namespace: 'demo', name: 'invented', uid: 'uid-invented' });
  const report = nodeReport(second * 1_000, sender === 'agent_invents_pod' ? { pods: [invented] } : {});
  return {
    method,
    headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    payload: gzipSync(JSON.stringify(report)),
  };
}

describe('who may do what', () => {
  for (const { path, method = 'GET', allowed } of TABLE) {
    test(`${method} ${path}: ${allowed.length === 0 ? 'nobody' : allowed.join(', ')}`, async () => {
      for (const name of SENDERS) {
        const code = await senders[name](path, questionOf(method, name));
        if (allowed.includes(name))
          assert.ok(code === 200 || EMPTY_HANDED[path]?.includes(code) === true, `${name}: ${code}`);
        else if (name === 'masters') assert.ok([403, 404, 405].includes(code), `${name}: ${code}`);
        else assert.ok([401, 403, 405].includes(code), `${name}: ${code}`);
      }
    });
  }
});

test('the table has every route of the server', async () => {
  const { body } = await deployment.viaProxy('/openapi/v2', { user: 'admin', groups: ['system:masters'] });
  const { paths } = body as unknown as { paths: Record<string, object> };
  const isIn = (path: string): boolean => {
    const pattern = new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+').replace(/\/$/, '/?')}$`);
    return TABLE.some((row) => pattern.test(row.path));
  };
  assert.deepEqual(
    Object.keys(paths).filter((path) => !isIn(path)),
    [],
  );
});

test('a pod that an agent invents is not there', async () => {
  const { body, statusCode } = await deployment.viaProxy(`${CUSTOM}/namespaces/demo/pods/invented/${METRIC}`, {
    user: 'admin',
    groups: ['system:masters'],
  });
  assert.equal(statusCode, 404, body.message);
  assert.doesNotMatch(
    (await deployment.viaProxy('/metrics', { user: 'admin', groups: ['system:masters'] })).text,
    /invented/,
  );
});
