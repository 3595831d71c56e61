import { importJWK, SignJWT, type JWK } from 'jose';
import type { World } from './world.js';

export const ALGORITHM = 'ES256';
export const ISSUER = 'https://kubernetes.default.svc.cluster.local';
export const KEY_ID = 'simulated';
const NAMESPACE = 'podnet-system';
const ACCOUNT = 'podnet-nodeagent';

/** The pod of a node's agent, which its token is bound to. */
export function agentPodOf(node: number): { readonly namespace: string; readonly name: string; readonly uid: string } {
  const name = `podnet-nodeagent-${node.toString(36).padStart(5, '0')}`;
  return { namespace: NAMESPACE, name, uid: `uid-${name}` };
}

/** Tokens of the agents of some nodes, as the kubelet gives them: bound to node and pod. Good for a day. */
export async function signTokens(world: World, nodes: Iterable<number>, privateKey: JWK): Promise<Map<number, string>> {
  const key = await importJWK(privateKey, ALGORITHM);
  const tokens = new Map<number, string>();
  for (const node of nodes) {
    const { namespace, name, uid } = agentPodOf(node);
    const bound = {
      ...{ namespace, node: { name: world.nodeName(node), uid: `uid-${node}` }, pod: { name, uid } },
      serviceaccount: { name: ACCOUNT, uid: `uid-${ACCOUNT}` },
    };
    const token = new SignJWT({ 'kubernetes.io': bound, jti: `jti-${node}` })
      .setProtectedHeader({ alg: ALGORITHM, kid: KEY_ID })
      .setIssuer(ISSUER)
      .setAudience('podnet')
      .setSubject(`system:serviceaccount:${namespace}:${ACCOUNT}`)
      .setIssuedAt()
      .setNotBefore('0s')
      .setExpirationTime('24h');
    tokens.set(node, await token.sign(key));
  }
  return tokens;
}
