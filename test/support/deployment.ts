import { generateKeyPair, exportJWK, SignJWT } from 'jose';
import { gzipSync } from 'node:zlib';
import { apiserverProgram } from '../../apiserver/options.js';
import { startApiserver, type Apiserver } from '../../apiserver/start.js';
import type { NodeReport } from '../../openapi/node-report.js';
import { NODE_REPORTS_PATH } from '../../openapi/report-terms.js';
import type { Status } from '../../openapi/kubernetes.js';
import { createLogger } from '../../runtime/logger.js';
import { parseOptions } from '../../runtime/options/parse.js';
import { createAuthority, createLeaf, authenticationData, type Issued } from './certificates.js';
import { connectOverHttp1, connectOverHttp2, type Answer, type Connection, type Question } from './connections.js';
import { putEmptyAuthority } from './empty-authority.js';
import { createKubeApi, type KubeApiServer } from './kube-api.js';
import { createShiftedClock, eventually, type ShiftedClock } from './programs.js';

/** Authorities and certificates of a cluster. */
interface Authorities {
  readonly frontProxy: Issued;
  readonly client: Issued;
  /** What the aggregator shows. */
  readonly proxy: Issued;
}

/** Who sends a request, as the aggregator tells. */
export interface Sender {
  readonly user: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, string>>;
}

/** What an agent's token says of where it is. */
export interface Bound {
  readonly node?: string;
  readonly pod?: { readonly name: string; readonly uid: string };
  readonly audience?: string;
  readonly expiresInSeconds?: number;
}

/** Access, as a test grants it: a name for a rule, and whether it allows the spec of a SubjectAccessReview. */
export type Rule = (spec: AccessSpec) => boolean;
export interface AccessSpec {
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly resourceAttributes?: Readonly<Record<string, string>>;
  readonly nonResourceAttributes?: { readonly path: string; readonly verb: string };
}

export const AGENT = 'system:serviceaccount:podnet-system:podnet-nodeagent';
export const HPA = 'system:serviceaccount:kube-system:horizontal-pod-autoscaler';
const ISSUER = 'https://kubernetes.default.svc';
const CONFIG_MAP = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';

/** The real server in a cluster: a small kube-apiserver beside it, whose every word a test decides. */
export interface Deployment {
  readonly api: KubeApiServer;
  readonly server: Apiserver;
  readonly authorities: Authorities;
  readonly clock: ShiftedClock;
  readonly logged: string[];
  /** Allowed is what one of these allows. */
  readonly rules: Rule[];
  /** As the aggregator, over one connection. */
  readonly viaProxy: (path: string, sender: Sender, question?: Question) => Promise<Answer<Status>>;
  /** With the aggregator's certificate, and no headers but these. */
  readonly asProxy: (path: string, question: Question) => Promise<Answer<Status>>;
  readonly ask: (path: string, question?: Question, certificate?: Issued) => Promise<Answer<Status>>;
  readonly connect: (certificate?: Issued, http?: 1 | 2) => Connection;
  /** A pod, as the API server lists it. */
  readonly addPod: (namespace: string, name: string, metadata?: Readonly<Record<string, unknown>>) => string;
  readonly agentToken: (bound?: Bound) => Promise<string>;
  readonly push: (report: NodeReport, token?: string) => Promise<Answer<unknown>>;
  close(): Promise<void>;
}

export interface DeploymentOptions {
  readonly flags?: readonly string[];
  /** What is to be in the cluster before the server is. */
  readonly prepare?: (api: KubeApiServer) => void;
}

/** X-Remote headers of a sender, as the aggregator writes them (client-go, transport/round_trippers.go). */
export function remoteHeaders({ user, groups = ['system:authenticated'], extra = {} }: Sender): Question['headers'] {
  return {
    'X-Remote-User': user,
    ...(groups.length > 0 && { 'X-Remote-Group': [...groups] }),
    ...Object.fromEntries(
      Object.entries(extra).map(([key, value]) => [`X-Remote-Extra-${encodeURIComponent(key)}`, value]),
    ),
  };
}

/** Starts both and waits until the server is ready for the aggregator. */
export async function startDeployment({ flags = [], prepare }: DeploymentOptions = {}): Promise<Deployment> {
  const authorities = await createAuthorities();
  const rules: Rule[] = [];
  const api = await createKubeApi({
    onAccessReview: (spec) => ({ allowed: rules.some((rule) => rule(spec)) }),
  });
  const signing = await publishKeys(api);
  api.put(CONFIG_MAP, { data: authenticationData(authorities.frontProxy.cert, authorities.client.cert) });
  putEmptyAuthority(api);
  prepare?.(api);
  const clock = createShiftedClock();
  const logged: string[] = [];
  const server = await startServer(api, { flags, clock, logged });
  const open: Connection[] = [];
  const connect: Deployment['connect'] = (certificate, http = 1) => {
    const to = { url: server.url, ca: server.ca };
    const connection = (http === 1 ? connectOverHttp1 : connectOverHttp2)(to, certificate);
    open.push(connection);
    return connection;
  };
  const [proxied, anonymous] = [connect(authorities.proxy), connect()];
  const agentToken: Deployment['agentToken'] = (bound) => signing(bound);
  return {
    ...{ api, server, authorities, clock, logged, rules, connect, agentToken },
    viaProxy: (path, sender, question = {}) =>
      proxied.ask<Status>(path, { ...question, headers: { ...remoteHeaders(sender), ...question.headers } }),
    asProxy: (path, question) => proxied.ask<Status>(path, question),
    ask: (path, question, certificate) =>
      certificate === undefined
        ? anonymous.ask<Status>(path, question)
        : connect(certificate).ask<Status>(path, question),
    addPod: (namespace, name, metadata = {}) => {
      const uid = `uid-${name}`;
      const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
      const creationTimestamp = '2026-11-20T10:00:00Z';
      api.put(path, { metadata: { uid, creationTimestamp, ...metadata }, spec: { nodeName: 'node-a' } });
      return path;
    },
    push: async (report, token) =>
      anonymous.ask(NODE_REPORTS_PATH, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-encoding': 'gzip',
          authorization: `Bearer ${token ?? (await agentToken())}`,
        },
        payload: gzipSync(JSON.stringify(report)),
      }),
    close: async () => {
      for (const connection of open) connection.close();
      await server.close();
      await api.close();
    },
  };
}

async function createAuthorities(): Promise<Authorities> {
  const [frontProxy, client] = await Promise.all([createAuthority('front-proxy-ca'), createAuthority('cluster-ca')]);
  return { frontProxy, client, proxy: await createLeaf(frontProxy, 'front-proxy-client') };
}

/** The key that signs service account tokens is published, and used by the function returned. */
async function publishKeys(api: KubeApiServer): Promise<Deployment['agentToken']> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  api.jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'key-1', alg: 'RS256', use: 'sig' }] };
  api.openidConfiguration = { issuer: ISSUER, jwks_uri: `${api.url}/openid/v1/jwks` };
  api.put('/api/v1/namespaces/podnet-system/pods/agent-a', {
    metadata: {
      uid: 'uid-agent-a',
      creationTimestamp: '2026-11-20T10:00:00Z',
      ownerReferences: [{ kind: 'DaemonSet', name: 'podnet-nodeagent', uid: 'ds', controller: true }],
    },
    spec: { nodeName: 'node-a' },
  });
  return (bound: Bound = {}) => {
    const { node = 'node-a', pod = { name: 'agent-a', uid: 'uid-agent-a' }, audience = 'podnet' } = bound;
    const issued = Math.floor(Date.now() / 1_000) - 60;
    const kubernetes = {
      namespace: 'podnet-system',
      serviceaccount: { name: 'podnet-nodeagent', uid: 'uid-sa' },
      pod,
      ...(node !== '' && { node: { name: node, uid: `uid-${node}` } }),
    };
    return new SignJWT({ 'kubernetes.io': kubernetes })
      .setProtectedHeader({ alg: 'RS256', kid: 'key-1' })
      .setIssuer(ISSUER)
      .setAudience(audience)
      .setSubject(AGENT)
      .setIssuedAt(issued)
      .setNotBefore(issued)
      .setExpirationTime(issued + (bound.expiresInSeconds ?? 3_600))
      .sign(privateKey);
  };
}

async function startServer(
  api: KubeApiServer,
  {
    flags,
    clock,
    logged,
  }: { readonly flags: readonly string[]; readonly clock: ShiftedClock; readonly logged: string[] },
): Promise<Apiserver> {
  const argv = ['--kubeconfig', await api.kubeconfig(), '--secure-port', '0', '--bind-address', '127.0.0.1'];
  const invocation = parseOptions(apiserverProgram('0.0.0'), [...argv, '--shutdown-delay', '0ms', ...flags], {});
  if (invocation.kind !== 'run') throw new TypeError(JSON.stringify(invocation));
  const log = createLogger('test', { level: 'info', format: 'json', write: (line) => logged.push(line) });
  const server = await startApiserver(invocation.options, { clock, log, version: '0.0.0', env: {} });
  const anonymous = connectOverHttp1({ url: server.url, ca: server.ca });
  try {
    await eventually(
      async () => (await anonymous.ask('/readyz?verbose&exclude=reports')).text,
      (text) => text.includes('readyz check passed') && /^\[\+\]pods ok: .* confirmed \S+ s ago$/m.test(text),
    );
  } finally {
    anonymous.close();
  }
  return server;
}
