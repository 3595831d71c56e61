import { CNI_METRICS_HELPER } from './cni-metrics-helper.js';
import { NET_EXPORTER } from './net-exporter.js';
import { NETWORK_METRICS_DAEMON } from './network-metrics-daemon.js';
import type { Predecessor } from './predecessor.js';
import { PROMETHEUS_NETWORK_SHIM } from './prometheus-network-shim.js';
import { SRIOV_NETWORK_METRICS_EXPORTER } from './sriov-network-metrics-exporter.js';

export const PREDECESSORS: readonly Predecessor[] = [
  NETWORK_METRICS_DAEMON,
  PROMETHEUS_NETWORK_SHIM,
  SRIOV_NETWORK_METRICS_EXPORTER,
  NET_EXPORTER,
  CNI_METRICS_HELPER,
];
