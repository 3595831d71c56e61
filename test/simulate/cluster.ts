import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { authenticationData, createAuthority, createLeaf } from '../support/certificates.js';
import type { ClientIdentity, ClusterStarted, WorldSettings } from './messages.js';
import { SimProcess } from './sim-process.js';
import { ALGORITHM } from './tokens.js';

/** The Kubernetes side of a run, in a process of its own. */
export interface SimCluster {
  readonly kubeconfig: string;
  /** Of kube-apiserver, in front of the servers. */
  readonly identity: ClientIdentity;
  readonly privateKey: JWK;
  close(): Promise<void>;
}

/** Resolves when it has all pods that the world begins with. */
export async function startCluster(world: WorldSettings): Promise<SimCluster> {
  const [frontProxy, clientCa] = [await createAuthority('front-proxy-ca'), await createAuthority('ca')];
  const { cert, key } = await createLeaf(frontProxy, 'front-proxy-client');
  const pair = await generateKeyPair(ALGORITHM, { extractable: true });
  const [publicKey, privateKey] = [await exportJWK(pair.publicKey), await exportJWK(pair.privateKey)];
  const authentication = authenticationData(frontProxy.cert, clientCa.cert);
  const api = new SimProcess({ role: 'cluster', world, authentication, publicKey });
  try {
    const { kubeconfig } = (await api.ask('result')) as ClusterStarted;
    const headers = { 'x-remote-user': 'horizontal-pod-autoscaler', 'x-remote-group': 'system:authenticated' };
    return { kubeconfig, privateKey, identity: { cert, key, headers }, close: () => api.close() };
  } catch (error) {
    await api.close();
    throw error;
  }
}
