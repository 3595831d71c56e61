import type { NewObject } from '../cluster.js';
import { APPS, type AppName, type Names } from '../names.js';

/** Bytes per second that a pod is to have on average. */
export const TARGET = 100_000;
/** Bytes per second of all pods together, and how many pods that makes. None is a multiple of the target: a rate is not that exact. */
export const LOADS = {
  start: { bytesPerSecond: 2.7 * TARGET, replicas: 3 },
  high: { bytesPerSecond: 4.5 * TARGET, replicas: 5 },
  low: { bytesPerSecond: 0.9 * TARGET, replicas: 1 },
} as const;
export type LoadName = keyof typeof LOADS;

/** Network on which the pods of an app report their traffic; External metrics choose by it. */
export function networkOf(app: AppName): string {
  return `net-${app}`;
}

/** Network of the VFs that pods of an app have. */
export function vfNetworkOf(app: AppName): string {
  return `dpdk-${app}`;
}

export const METRIC = 'network_receive_bytes_per_second';

export function namespaces({ system, load, labels }: Names): NewObject[] {
  return [system, load].map((name) => namespace(name, labels));
}

export function namespace(name: string, labels: object): NewObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

/** What a namespace that enforces the restricted Pod Security Standard takes. */
export function podSpec(image: string): object {
  return {
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 0,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        ...{ name: 'main', image },
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        resources: { requests: { cpu: '1m', memory: '4Mi' }, limits: { memory: '32Mi' } },
      },
    ],
  };
}

const LINUX = { 'kubernetes.io/os': 'linux' };

/** A Deployment and a Service for each app, as many pods as its load needs. */
export function workloads({ load, labels }: Names, image: string): NewObject[] {
  return APPS.flatMap((app): NewObject[] => {
    const metadata = { name: app, namespace: load, labels };
    const template = { metadata: { labels: { ...labels, app } }, spec: { ...podSpec(image), nodeSelector: LINUX } };
    const spec = { replicas: LOADS.start.replicas, selector: { matchLabels: { app } }, template };
    return [
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec },
      { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: { app }, ports: [{ name: 'none', port: 80 }] } },
    ];
  });
}

/** An HPA of the kind that its app is named for. */
export function hpa({ load, labels }: Names, app: AppName, window: string): NewObject {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: app, namespace: load, labels },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: app },
      minReplicas: LOADS.low.replicas,
      maxReplicas: LOADS.high.replicas,
      metrics: [metricOf(app, window)],
      behavior: {
        scaleUp: { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: 10, periodSeconds: 15 }] },
        scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
      },
    },
  };
}

function metricOf(app: AppName, window: string): object {
  const target = { type: 'AverageValue', averageValue: String(TARGET) };
  const metric = { name: METRIC, selector: { matchLabels: { network: networkOf(app), window } } };
  switch (app) {
    case 'web-pods':
      return { type: 'Pods', pods: { metric, target } };
    case 'web-object':
      return {
        type: 'Object',
        object: { describedObject: { apiVersion: 'v1', kind: 'Service', name: app }, metric, target },
      };
    case 'web-external':
      return { type: 'External', external: { metric, target } };
  }
}
