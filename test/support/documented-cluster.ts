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
/** So that nothing is stale before all commands have been run. */
const SELDOM = { intervalMs: 60_000 };
const APISERVER = { app: 'podnet-apiserver', 'app.kubernetes.io/component': 'apiserver' };
/** What is taken away in the end by the pages of predecessors. */
const SET_BEFORE = [
  { name: 'PODNET_COMPAT', value: 'all' },
  { name: 'PODNET_PUBLISH_CLOUDWATCH_DRY_RUN', value: 'true' },
];
const DAEMONS = ['nodeagent', 'probe'] as const;
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
    // Where Prometheus is.
    api.put('/api/v1/namespaces/monitoring', {});
    api.put(`/apis/apps/v1${SYSTEM}/deployments/podnet-apiserver`, {
      spec: {
        replicas: 1,
        selector: { matchLabels: APISERVER },
        template: {
          metadata: { labels: APISERVER },
          spec: { containers: [{ name: 'apiserver', image: 'podnet', env: SET_BEFORE }] },
        },
      },
    });
    for (const component of DAEMONS) putDaemonSet(api, component);
    api.put('/api/v1/nodes/node-a', {});
    for (const [name, app] of [
      ['coredns', 'kube-dns'],
      ['aws-node', 'aws-node'],
    ] as const) {
      api.put(`/api/v1/namespaces/kube-system/pods/${name}-0`, {
        metadata: { labels: { 'k8s-app': app } },
        spec: { nodeName: 'node-a', containers: [{ name, image: name }] },
        status: { phase: 'Running' },
      });
    }
    for (const name of ['podnet-apiserver', 'podnet-apiserver-replicas']) {
      api.put(`/apis/discovery.k8s.io/v1${SYSTEM}/endpointslices/${name}`, {
        metadata: { labels: { 'kubernetes.io/service-name': name } },
        ...{ addressType: 'IPv4', endpoints: [], ports: [] },
      });
    }
    api.put(`/apis/coordination.k8s.io/v1${SYSTEM}/leases/podnet-apiserver-cloudwatch`, {});
    // What predecessors are looked for in.
    const rules = [{ alert: 'Down', expr: 'up == 0' }];
    api.put('/apis/monitoring.coreos.com/v1/namespaces/shop/prometheusrules/web', {
      spec: { groups: [{ name: 'web', rules }] },
    });
    api.put('/api/v1/namespaces/shop/configmaps/web', { data: {} });
    api.put(`${RBAC}/clusterroles/podnet-apiserver`, {
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }],
    });
    api.put(`${RBAC}/clusterrolebindings/podnet-apiserver`, {
      roleRef: { kind: 'ClusterRole', name: 'podnet-apiserver' },
      subjects: [{ kind: 'ServiceAccount', namespace: 'podnet-system', name: 'podnet-apiserver' }],
    });
    api.put(`${RBAC}/namespaces/podnet-system/roles/podnet-apiserver-certificates`, {
      rules: [
        { apiGroups: [''], resources: ['secrets'], resourceNames: ['podnet-apiserver-ca'], verbs: ['get', 'update'] },
        { apiGroups: [''], resources: ['configmaps'], resourceNames: ['podnet-apiserver-ca'], verbs: ['get', 'patch'] },
      ],
    });
    api.put(`${RBAC}/namespaces/podnet-system/rolebindings/podnet-apiserver-certificates`, {
      roleRef: { kind: 'Role', name: 'podnet-apiserver-certificates' },
      subjects: [{ kind: 'ServiceAccount', namespace: 'podnet-system', name: 'podnet-apiserver' }],
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
      await served.push(probeReport(second * 1_000, { dials }, { node: 'node-b', bootId: 'boot-b', ...SELDOM }));
    }
  },
};

/** One that is rolled out, with the pod of one node. */
function putDaemonSet(api: KubeApiServer, component: (typeof DAEMONS)[number]): void {
  const labels = { 'app.kubernetes.io/component': component };
  const containers = [{ name: component, image: 'podnet' }];
  api.put(`/apis/apps/v1${SYSTEM}/daemonsets/podnet-${component}`, {
    spec: {
      selector: { matchLabels: labels },
      updateStrategy: { type: 'RollingUpdate' },
      template: { metadata: { labels }, spec: { containers } },
    },
    status: { desiredNumberScheduled: 1, updatedNumberScheduled: 1, numberAvailable: 1, numberReady: 1 },
  });
  api.put(`/api/v1${SYSTEM}/pods/podnet-${component}-0`, {
    metadata: { labels },
    spec: { nodeName: 'node-a', containers },
    status: { phase: 'Running' },
  });
}

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
  return nodeReport(second * 1_000, { ...SELDOM, pods, ...devices, ipam: [ipamSource(second * 1_000)] });
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
