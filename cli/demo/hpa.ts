/** The controller leaves the replicas alone within this distance from the target (kube-controller-manager, --horizontal-pod-autoscaler-tolerance). */
const TOLERANCE = 0.1;

export interface HpaDecision {
  readonly average: number;
  readonly desiredReplicas: number;
}

/**
 * What the HPA makes of a Pods metric with `target.averageValue`, all pods ready and measured: replicas × average / target,
 * rounded up (pkg/controller/podautoscaler replica_calculator.go, calcPlainMetricReplicas).
 */
export function decideReplicas(values: readonly number[], targetAverage: number): HpaDecision {
  const average = values.reduce((sum, value) => sum + value, 0) / values.length;
  const ratio = average / targetAverage;
  return {
    average,
    desiredReplicas: Math.abs(ratio - 1) <= TOLERANCE ? values.length : Math.ceil(ratio * values.length),
  };
}
