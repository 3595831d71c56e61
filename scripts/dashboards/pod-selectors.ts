// Which series the variables of the dashboard of pods leave.
import { STACKED_ON_SOME } from '../../metrics/workload-families.js';
import { CLUSTER } from './expressions.js';

export const IN_NAMESPACES = `${CLUSTER}, namespace=~"$namespace"`;
export const ON_NETWORKS = `${IN_NAMESPACES}, network=~"$network"`;
export const OF_PODS = `${IN_NAMESPACES}, node=~"$node", pod=~"$pod"`;
export const OF_INTERFACES = `${OF_PODS}, network=~"$network"`;
/** Brings the workload of a pod to its series, and leaves out what shares the network of its node. */
export const OF_WORKLOADS =
  'on (cluster, node, namespace, pod) group_left (workload_kind, workload) ' +
  `podnet_pod_info{${IN_NAMESPACES}, workload=~"$workload", host_network="false"}`;

const STACKED = `podnet_interface_stacked_info{${ON_NETWORKS}}`;
/** As the HPA counts: of the chosen networks none whose traffic another one of the pod has counted. What is not known to be stacked stays. */
export const COUNTED_ONCE = `unless on (cluster, node, namespace, pod, interface) ${STACKED}`;
/** The same where each network is a sum of its own. */
export const COUNTED_ONCE_BY_NETWORK = `unless on (cluster, node, namespace, pod, interface, nad_namespace, network) ${STACKED}`;
/** The same of what pods beyond --max-series count together. */
export const TOTALS_COUNTED_ONCE = 'stacked_on!~"(.*,)?($network),.*"';
/** Where each network is a sum of its own: what is of no network that is told, and in what it is stacked on as well, stays out. */
export const TOTALS_BY_NETWORK = `stacked_on!="${STACKED_ON_SOME}"`;

export const BY_POD = 'cluster, namespace, pod';
export const BY_INTERFACE = 'cluster, namespace, pod, interface, network';
export const PODS_SHOWN = 20;
export const MOST = `The ${PODS_SHOWN} highest.`;
