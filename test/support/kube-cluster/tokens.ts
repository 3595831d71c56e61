import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import type { User } from '../../../apiserver/auth/user.js';
import { listAt, textAt } from '../../cluster/json.js';
import type { KubeApiServer } from '../kube-api.js';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const SECONDS = 3_600;

interface Issued {
  readonly user: User;
  readonly audiences: readonly string[];
}

/** Tokens of service accounts, signed with a key that the API server publishes. */
export class ServiceAccountTokens {
  readonly #api: KubeApiServer;
  readonly #key: CryptoKey;
  readonly #issued = new Map<string, Issued>();

  private constructor(api: KubeApiServer, key: CryptoKey) {
    this.#api = api;
    this.#key = key;
  }

  static async create(api: KubeApiServer): Promise<ServiceAccountTokens> {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    api.jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'test', alg: 'ES256', use: 'sig' }] };
    api.openidConfiguration = { issuer: ISSUER };
    api.onTokenReview = () => ({});
    const tokens = new ServiceAccountTokens(api, privateKey);
    api.onTokenReview = (spec) => tokens.#review(spec);
    return tokens;
  }

  /** Whose a token for the API server is. */
  userOf(token: string): User | undefined {
    const found = this.#issued.get(token);
    return found?.audiences.includes(ISSUER) === true ? found.user : undefined;
  }

  /** Answers a TokenRequest; one of a pod names its node, too. */
  async issue(namespace: string, account: string, request: unknown): Promise<object> {
    const uid = textAt(
      this.#api.objects.get(`/api/v1/namespaces/${namespace}/serviceaccounts/${account}`),
      'metadata',
      'uid',
    );
    const asked = listAt(request, 'spec', 'audiences').map(String);
    const audiences = asked.length === 0 ? [ISSUER] : asked;
    const podName = textAt(request, 'spec', 'boundObjectRef', 'name');
    const pod = this.#api.objects.get(`/api/v1/namespaces/${namespace}/pods/${podName}`);
    const podUid = textAt(pod, 'metadata', 'uid');
    const node = textAt(pod, 'spec', 'nodeName');
    const name = `system:serviceaccount:${namespace}:${account}`;
    const token = await new SignJWT({
      'kubernetes.io': {
        namespace,
        serviceaccount: { name: account, uid },
        ...(podName !== '' && { pod: { name: podName, uid: podUid } }),
        ...(node !== '' && { node: { name: node } }),
      },
    })
      .setProtectedHeader({ alg: 'ES256', kid: 'test' })
      .setIssuer(ISSUER)
      .setAudience(audiences)
      .setSubject(name)
      .setIssuedAt()
      .setExpirationTime(`${SECONDS}s`)
      .sign(this.#key);
    const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
    this.#issued.set(token, { user: { name, uid, groups, extra: {} }, audiences });
    return { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, status: { token } };
  }

  #review(spec: Readonly<Record<string, unknown>>): object {
    const found = this.#issued.get(textAt(spec, 'token'));
    const asked = listAt(spec, 'audiences').map(String);
    const audiences = found?.audiences.filter((one) => (asked.length === 0 ? one === ISSUER : asked.includes(one)));
    if (found === undefined || audiences?.length === 0) return { error: 'invalid bearer token', user: {} };
    const { name: username, uid, groups } = found.user;
    return { authenticated: true, user: { username, uid, groups }, audiences };
  }
}
