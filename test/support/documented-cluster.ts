import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeReport, PodReport } from '../../openapi/node-report.js';
import { net1, ownerReport, pfReport, vfReport } from './device-reports.js';
import { ipamSource } from './ipam-reports.js';
import type { KubeApiServer } from './kube-api.js';
import { dialSeries, probeReading, probeReport } from './probe-reports.js';
import { interfaceReport, nodeReport, podReport, readingOf } from './reports.js';
import type { ServedCluster } from './served-cluster.js';

/** A pod that the documents speak of, and the second network that it is on. */
interface Spoken {
  readonly namespace: string;
  readonly app: string;
  readonly network?: string;
}

const PODS: readonly Spoken[] = [
  { namespace: 'shop', app: 'web' },
  { namespace: 'telco', app: 'upf', network: 'n3' },
  { namespace: 'core', app: 'gateway', network: 'n6' },
];
/** It has a VF besides, on the network sriov. */
const WITH_VF = 'upf';
const APISERVER = { app: 'podnet-apiserver', 'app.kubernetes.io/component': 'apiserver' };
const AGENT = { 'app.kubernetes.io/component': 'nodeagent' };
const SYSTEM = '/namespaces/podnet-system';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';

/** The cluster that the documents give their commands for. */
export const populate = {
  /** What the API server has. */
  objects(api: KubeApiServer): void {
    for (const { namespace, app, network } of PODS) {
      const status = [
        { name: 'cbr0', interface: 'eth0', default: true },
        ...(network === undefined ? [] : [{ name: `${namespace}/${network}`, interface: 'net1' }]),
        ...(app === WITH_VF ? [{ name: `${namespace}/sriov`, interface: 'net2' }] : []),
      ];
      api.put(`/api/v1/namespaces/${namespace}/pods/${app}-0`, {
        metadata: {
          uid: `uid-${app}-0`,
          labels: { app },
          annotations: { 'k8s.v1.cni.cncf.io/network-status': JSON.stringify(status) },
        },
        spec: { nodeName: 'node-a' },
      });
    }
    // Namespaces and Services come with what is applied.
    api.put('/api/v1/namespaces/podnet-system', {});
    api.put(`/apis/apps/v1${SYSTEM}/deployments/podnet-apiserver`, {
      spec: {
        replicas: 1,
        selector: { matchLabels: APISERVER },
        template: { metadata: { labels: APISERVER }, spec: { containers: [{ name: 'apiserver', image: 'podnet' }] } },
      },
    });
    const all = { desiredNumberScheduled: 1, updatedNumberScheduled: 1, numberAvailable: 1, numberReady: 1 };
    api.put(`/apis/apps/v1${SYSTEM}/daemonsets/podnet-nodeagent`, {
      spec: {
        selector: { matchLabels: AGENT },
        updateStrategy: { type: 'RollingUpdate' },
        template: { metadata: { labels: AGENT }, spec: { containers: [{ name: 'nodeagent', image: 'podnet' }] } },
      },
      status: all,
    });
    api.put(`${RBAC}/clusterroles/podnet-metrics-reader`, {
      rules: [{ nonResourceURLs: ['/metrics'], verbs: ['get'] }],
    });
    api.put(`${RBAC}/clusterrolebindings/podnet-metrics`, {
      roleRef: { kind: 'ClusterRole', name: 'podnet-metrics-reader' },
      subjects: [{ kind: 'ServiceAccount', namespace: 'podnet-system', name: 'podnet-apiserver' }],
    });
  },

  /** What the agents of its nodes report, until every rate is there. */
  async reports(served: ServedCluster): Promise<void> {
    for (const second of [1, 2]) {
      await served.push(nodeReportAt(second));
      const readings = [probeReading('dial', { latencies: Array.from({ length: second * 4 }, () => 0.001) })];
      const dials = [dialSeries({ peer: { node: 'n7', zone: 'zone-b' }, readings })];
      await served.push(probeReport(second * 1_000, { dials }, { node: 'node-b', bootId: 'boot-b' }));
    }
  },

  /** A file with a token that may read /metrics. */
  async readerToken(served: ServedCluster, directory: string): Promise<string> {
    const file = join(directory, 'reader');
    await writeFile(file, await served.token('podnet-apiserver'));
    return file;
  },
};

function nodeReportAt(second: number): NodeReport {
  const pods = PODS.map((pod) => podAt(pod, second));
  const owner = ownerReport({
    podUid: 'uid-upf-0',
    namespace: 'telco',
    pod: 'upf-0',
    interface: 'net2',
    network: 'sriov',
  });
  const devices = { physicalFunctions: [pfReport()], virtualFunctions: [vfReport({ owner })] };
  return nodeReport(second * 1_000, { pods, ...devices, ipam: [ipamSource(second * 1_000)] });
}

function podAt({ namespace, app, network }: Spoken, second: number): PodReport {
  const name = `${app}-0`;
  const interfaces = [
    interfaceReport({ network: 'cbr0', identity: `${name}/3`, readings: [readingOf(1_500 * second)] }),
    ...(network === undefined
      ? []
      : [
          interfaceReport({
            ...{ name: 'net1', network, nadNamespace: namespace, primary: false, identity: `${name}/4` },
            readings: [readingOf(12_500_000 * second)],
          }),
        ]),
    ...(app === WITH_VF ? [net1(12_500_000 * second, { name: 'net2', nadNamespace: namespace })] : []),
  ];
  return podReport({ namespace, name, uid: `uid-${name}`, labels: { app }, interfaces });
}
