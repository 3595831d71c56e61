import { textsOf } from './objects.js';

/** Written by Multus; the second is its old name, which it still writes beside the first. */
const NETWORK_STATUS = ['k8s.v1.cni.cncf.io/network-status', 'k8s.v1.cni.cncf.io/networks-status'];

/**
 * What the annotations of a pod say of its networks: JSON, if whoever wrote it did well. Undefined where there is no such annotation.
 * @param annotations `metadata.annotations` of the pod
 */
export function networkStatusText(annotations: unknown): string | undefined {
  const texts = textsOf(annotations);
  return NETWORK_STATUS.map((key) => texts[key]).find((text) => text !== undefined);
}
