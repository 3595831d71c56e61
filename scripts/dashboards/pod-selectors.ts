// Which series the variables of the dashboard of pods leave.
import { CLUSTER } from './expressions.js';

export const IN_NAMESPACES = `${CLUSTER}, namespace=~"$namespace"`;
export const ON_NETWORKS = `${IN_NAMESPACES}, network=~"$network"`;
export const OF_PODS = `${IN_NAMESPACES}, node=~"$node", pod=~"$pod"`;
export const OF_INTERFACES = `${OF_PODS}, network=~"$network"`;
/** Brings the workload of a pod to its series, and leaves out what shares the network of its node. */
export const OF_WORKLOADS =
  'on (cluster, node, namespace, pod) group_left (workload_kind, workload) ' +
  `podnet_pod_info{${IN_NAMESPACES}, workload=~"$workload", host_network="false"}`;

export const BY_POD = 'cluster, namespace, pod';
export const BY_INTERFACE = 'cluster, namespace, pod, interface, network';
export const PODS_SHOWN = 20;
export const MOST = `The ${PODS_SHOWN} highest.`;
