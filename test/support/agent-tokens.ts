import { readFileSync } from 'node:fs';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { Registry } from 'prom-client';
import { createAgentTokens, type AgentTokens, type AgentTokensDeps } from '../../apiserver/auth/agent-tokens.js';
import type { ApiPod } from '../../apiserver/pods/pod-list.js';
import { createKubeClient, type KubeClient } from '../../runtime/kube/client.js';
import { createLogger } from '../../runtime/logger.js';
import { createManualClock } from './clock.js';
import { createKubeApi, type KubeApiServer } from './kube-api.js';

export const AGENT = 'system:serviceaccount:monitoring:podnet-nodeagent';
export const ISSUER = 'https://kubernetes.default.svc';
const REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';

/** A key that service account tokens are signed with. */
export interface Signer {
  readonly algorithm: string;
  readonly privateKey: CryptoKey;
  /** As it is published. */
  readonly jwk: JWK;
}

export async function createSigner(kid: string, algorithm = 'RS256'): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm);
  return { algorithm, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' } };
}

/** The recorded TokenReview of an agent's token, with the audience it was recorded with mapped to ours. */
export function recordedStatus(): ReviewStatus {
  const text = readFileSync('test/fixtures/contract/tokenreview.json', 'utf8').replaceAll('podnet-apiserver', 'podnet');
  const [first] = JSON.parse(text) as { response: { body: { status: ReviewStatus } } }[];
  if (first === undefined) throw new TypeError('no recording');
  return first.response.body.status;
}

export interface ReviewStatus {
  authenticated?: boolean;
  user: { username: string; uid: string; groups: string[]; extra: Record<string, string[]> };
  audiences?: string[];
}

/** The pod of the recording. */
export const POD = { namespace: 'monitoring', name: 'agent-a', uid: 'cc4e5255-da32-4474-8367-74a7259700f4' };

export interface TokenOptions {
  readonly kid?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Merged into `kubernetes.io`; undefined takes a claim away. */
  readonly bound?: Readonly<Record<string, unknown>>;
}

/** A cluster of one API server and one agent, and what judges its token. */
export class Cluster {
  readonly clock = createManualClock();
  readonly registry = new Registry();
  readonly logged: string[] = [];
  readonly listed = new Map<string, ApiPod>();
  readonly pods = {
    isCurrent: true,
    get: (namespace: string, name: string): ApiPod | undefined => this.listed.get(`${namespace}/${name}`),
  };
  readonly tokens: { readonly verify: (token: string, remoteAddress?: string) => ReturnType<AgentTokens['verify']> };

  private constructor(
    readonly api: KubeApiServer,
    readonly client: KubeClient,
    readonly signer: Signer,
    overrides: Partial<AgentTokensDeps>,
  ) {
    this.publish([signer.jwk]);
    api.onTokenReview = () => ({ user: {}, error: 'invalid bearer token' });
    this.list();
    const tokens = createAgentTokens({
      api: client,
      pods: this.pods,
      reviewToken: (token, audiences) => this.#review(token, audiences),
      clock: this.clock,
      log: createLogger('test', { level: 'debug', format: 'text', write: (line) => this.logged.push(line) }),
      registry: this.registry,
      allowUnbound: false,
      ...overrides,
    });
    this.tokens = { verify: (token, remoteAddress = '192.0.2.1') => tokens.verify(token, remoteAddress) };
  }

  static async create(signer: Signer, overrides: Partial<AgentTokensDeps> = {}): Promise<Cluster> {
    const api = await createKubeApi();
    const log = createLogger('client', { level: 'error', format: 'text', write: () => undefined });
    const clock = createManualClock();
    const client = await createKubeClient({
      kubeconfig: await api.kubeconfig(),
      env: {},
      clock,
      log,
      userAgent: 'test',
    });
    return new Cluster(api, client, signer, overrides);
  }

  publish(keys: readonly object[], issuer = ISSUER): void {
    this.api.jwks = { keys };
    this.api.openidConfiguration = { issuer, jwks_uri: 'https://127.0.0.1:6443/openid/v1/jwks' };
  }

  /** The pod of the agent is in the list, under this uid. */
  list(uid = POD.uid): void {
    this.listed.set(`${POD.namespace}/${POD.name}`, {
      ...POD,
      uid,
      labels: {},
      createdMs: 0,
      isTerminating: false,
      networks: [],
    });
  }

  /** The API server calls every token one of the agent of the recording. */
  accept(change: (status: ReviewStatus) => void = () => undefined): void {
    const status = recordedStatus();
    change(status);
    this.api.onTokenReview = () => status;
  }

  deny(): void {
    this.api.onTokenReview = () => ({ user: {}, error: 'invalid bearer token' });
  }

  /** A token as the kubelet gives it to the agent of the recording. */
  async token({ kid, claims = {}, bound = {} }: TokenOptions = {}, signer = this.signer): Promise<string> {
    return new SignJWT(this.claims(claims, bound))
      .setProtectedHeader({ alg: signer.algorithm, kid: kid ?? signer.jwk.kid ?? '' })
      .sign(signer.privateKey);
  }

  claims(claims: Readonly<Record<string, unknown>> = {}, bound: Readonly<Record<string, unknown>> = {}) {
    const { user } = recordedStatus();
    const nowSeconds = Math.floor(this.clock.wallMs() / 1_000);
    return {
      aud: ['podnet'],
      exp: nowSeconds + 7_200,
      iat: nowSeconds,
      iss: ISSUER,
      jti: 'a1b5a56b-563b-46e3-aa2f-4c2fb2f5643e',
      nbf: nowSeconds,
      sub: AGENT,
      'kubernetes.io': {
        namespace: POD.namespace,
        node: { name: 'node-a', uid: user.extra['authentication.kubernetes.io/node-uid']?.[0] },
        pod: { name: POD.name, uid: POD.uid },
        serviceaccount: { name: 'podnet-nodeagent', uid: user.uid },
        ...bound,
      },
      ...claims,
    };
  }

  get keyFetches(): number {
    return this.#count('/openid/v1/jwks');
  }

  get reviews(): number {
    return this.#count(REVIEWS);
  }

  async metrics(): Promise<string> {
    return this.registry.metrics();
  }

  async close(): Promise<void> {
    this.client.close();
    await this.api.close();
  }

  #count(wanted: string): number {
    return this.api.requests.filter(({ path }) => path === wanted).length;
  }

  async #review(token: string, audiences: readonly string[]) {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } };
    const answer = await this.client.request({ method: 'POST', path: REVIEWS, body, timeoutMs: 1_000 });
    const { authenticated, user, audiences: granted = [] } = (answer as { status: ReviewStatus }).status;
    if (authenticated !== true) return undefined;
    const { username, uid, groups, extra } = user;
    return { user: { name: username, uid, groups, extra }, audiences: granted };
  }
}
