import assert from 'node:assert/strict';
import type { Deployment } from './deployment.js';
import { interfaceReport, nodeReport, podReport, readingOf, transportOf } from './reports.js';

export const METRIC = 'network_receive_bytes_per_second';
/** Counted of a pod as a whole. */
export const POD_METRIC = 'network_tcp_retransmitted_segments_per_second';
export const CUSTOM = '/apis/custom.metrics.k8s.io/v1beta2';
export const CUSTOM_V1BETA1 = '/apis/custom.metrics.k8s.io/v1beta1';
export const EXTERNAL = '/apis/external.metrics.k8s.io/v1beta1';
export const PODNET = '/apis/podnet.dev/v1alpha1';

/** Two pods of the Deployment web in the namespace demo, behind the Service svc1, on node-a: p1 at 1,500 bytes and segments sent again a second, p2 at 500 of each. */
export async function deployDemo(deployment: Deployment): Promise<void> {
  const { api, addPod, rules } = deployment;
  rules.push(
    ({ user, resourceAttributes }) =>
      user?.endsWith(':podnet-nodeagent') === true && resourceAttributes?.['resource'] === 'nodereports',
  );
  for (const name of ['p1', 'p2']) {
    addPod('demo', name, {
      labels: { app: 'web', 'pod-template-hash': '5b8dd9f89' },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5b8dd9f89', uid: 'rs', controller: true },
      ],
    });
  }
  addPod('other', 'p1', { uid: 'uid-p1-other', labels: { app: 'web' } });
  api.put('/api/v1/namespaces/demo/services/svc1', { metadata: { labels: {} }, spec: { selector: { app: 'web' } } });
  const { pushDemo } = createDemo(deployment);
  await pushDemo(1);
  await pushDemo(2);
}

/** Reports of the demo, by the second of node-a's clock. */
export function createDemo(deployment: Deployment) {
  const pod = (namespace: string, name: string, perSecond: number, second: number) =>
    podReport({
      ...{ namespace, name, uid: `uid-${name}`, labels: { app: 'web' } },
      transport: [transportOf(perSecond * second)],
      interfaces: [
        interfaceReport({ identity: `${name}/3`, readings: [readingOf(perSecond * second)] }),
        interfaceReport({
          ...{ name: 'net1', network: 'gw', nadNamespace: 'demo', primary: false, identity: `${name}/4` },
          readings: [readingOf(0)],
        }),
      ],
    });
  return {
    /** So many pods of a namespace, on nodes of so many each. */
    pushMany: async (namespace: string, count: number, perNode: number): Promise<void> => {
      for (let first = 0; first < count; first += perNode) {
        const node = `big-${first / perNode}`;
        const token = await deployment.agentToken({ node });
        for (const second of [1, 2]) {
          const pods = Array.from({ length: Math.min(perNode, count - first) }, (_, i) =>
            pod(namespace, `pod-${first + i}`, 100, second),
          );
          const { statusCode, text } = await deployment.push(
            nodeReport(second * 1_000, { node, bootId: `boot-${node}`, pods }),
            token,
          );
          assert.equal(statusCode, 200, text);
        }
      }
    },
    pushDemo: async (second: number): Promise<void> => {
      const pods = [pod('demo', 'p1', 1_500, second), pod('demo', 'p2', 500, second)];
      // Its name is another pod's, too.
      pods.push({ ...pod('other', 'p1', 7, second), uid: 'uid-p1-other' });
      const { statusCode, text } = await deployment.push(nodeReport(second * 1_000, { pods }));
      assert.equal(statusCode, 200, text);
    },
  };
}
