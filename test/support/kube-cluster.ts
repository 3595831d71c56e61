import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { authenticationData, createAuthority, createLeaf } from './certificates.js';
import { createKubeApi, type KubeApiServer } from './kube-api.js';
import { attributesOfReview, isAllowed, addBuiltInRights, type AskedFor } from './kube-cluster/rbac.js';
import { Aggregator } from './kube-cluster/aggregator.js';
import { runControllers } from './kube-cluster/controllers.js';
import { Front } from './kube-cluster/front.js';
import { ServiceAccountTokens } from './kube-cluster/tokens.js';

/** A small cluster: the test's API server with roles, tokens, an aggregation layer and controllers. It has no kubelet. */
export interface KubeCluster {
  /** What is kept, and what was asked for. */
  readonly api: KubeApiServer;
  readonly url: string;
  /** Of the administrator. */
  readonly kubeconfig: string;
  readonly tokens: ServiceAccountTokens;
  /** PEM. */
  readonly ca: string;
  /** The file of whoever has this token. */
  kubeconfigOf(token: string): Promise<string>;
  close(): Promise<void>;
}

const CONTROLLERS_EVERY_MS = 100;
const AUTHENTICATION = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';

export interface KubeClusterOptions {
  /** Told all that anybody asks the API for, and that servers have reviewed. */
  readonly onAsked?: (asked: AskedFor) => void;
}

export async function startKubeCluster({ onAsked }: KubeClusterOptions = {}): Promise<KubeCluster> {
  const [frontProxyCa, clientCa] = await Promise.all(['front-proxy-ca', 'ca'].map((name) => createAuthority(name)));
  if (frontProxyCa === undefined || clientCa === undefined) throw new TypeError('no authorities');
  const api = await createKubeApi({ token: 'administrator' });
  api.onAccessReview = (spec) => {
    const [user, attributes] = attributesOfReview(spec);
    const allowed = isAllowed(api, user, attributes);
    onAsked?.({ by: 'review', user, attributes, isAllowed: allowed });
    return { allowed };
  };
  addBuiltInRights(api);
  api.put(AUTHENTICATION, { data: authenticationData(frontProxyCa.cert, clientCa.cert) });
  const tokens = await ServiceAccountTokens.create(api);
  const aggregator = new Aggregator(api, await createLeaf(frontProxyCa, 'front-proxy-client'));
  const front = await Front.start({ api, tokens, aggregator, onAsked });
  const stop = new AbortController();
  const controllers = runControllers({ api, aggregator }, CONTROLLERS_EVERY_MS, stop.signal);
  const directory = await mkdtemp(join(tmpdir(), 'podnet-cluster-'));
  let files = 0;
  const kubeconfigOf = async (token: string): Promise<string> => {
    const file = join(directory, `config-${files++}`);
    await writeFile(file, JSON.stringify(documentOf(front, token)));
    return file;
  };
  return {
    ...{ api, tokens, kubeconfig: await kubeconfigOf(api.token), kubeconfigOf, url: front.url, ca: front.ca },
    close: async () => {
      stop.abort();
      await controllers;
      aggregator.close();
      await front.close();
      await api.close();
      await rm(directory, { recursive: true });
    },
  };
}

function documentOf({ url: server, ca }: Front, token: string): object {
  const cluster = { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') };
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'test', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  };
}
