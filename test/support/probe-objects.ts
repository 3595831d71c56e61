/** Objects of the Kubernetes API that tell role probe whom to dial, as a kube-apiserver has them. */

export const SLICES = '/apis/discovery.k8s.io/v1/namespaces/podnet-system/endpointslices';
export const SERVICE = '/api/v1/namespaces/podnet-system/services/podnet-probe';
export const AGENT_PODS = '/api/v1/namespaces/podnet-system/pods';
export const PROBE_SERVICE = { namespace: 'podnet-system', name: 'podnet-probe' };
const SELECTOR = { app: 'podnet-probe' };

interface EndpointParts {
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
  readonly zone?: string;
  /** `p-<node>` where nothing is said; its uid is `u-<name>`. */
  readonly pod?: string;
}

/** An endpoint of an agent; ready unless it is said that it is not. */
export function endpoint(node: string, address: string, parts: EndpointParts = {}) {
  const { ready = true, serving = ready, terminating = false, zone, pod = `p-${node}` } = parts;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    nodeName: node,
    targetRef: { kind: 'Pod', namespace: 'podnet-system', name: pod, uid: `u-${pod}` },
    ...(zone !== undefined && { zone }),
  };
}

const PROBE_PORT = { name: 'probe', protocol: 'TCP', port: 9809 };

/** A slice of the Service of the agents. */
export function slice(endpoints: readonly object[], ports: readonly object[] = [PROBE_PORT], addressType = 'IPv4') {
  return {
    metadata: { labels: { 'kubernetes.io/service-name': 'podnet-probe' } },
    ...{ addressType, endpoints, ports },
  };
}

export function service(clusterIPs: readonly string[], ports: readonly object[] = [PROBE_PORT]) {
  return { spec: { type: 'ClusterIP', clusterIP: clusterIPs[0], clusterIPs, ports, selector: SELECTOR } };
}

/** The pod of an agent with this network annotation. */
export function agentPod(name: string, status: readonly object[] | string) {
  const text = typeof status === 'string' ? status : JSON.stringify(status);
  const annotations = { 'k8s.v1.cni.cncf.io/network-status': text };
  return { metadata: { uid: `u-${name}`, labels: SELECTOR, annotations }, spec: {}, status: {} };
}

/** Entries of the annotation. */
export const defaultEntry = (...ips: string[]) => ({ name: 'cbr0', interface: 'eth0', ips, default: true });
export const entry = (name: string, device: string, ...ips: string[]) => ({ name, interface: device, ips, dns: {} });
