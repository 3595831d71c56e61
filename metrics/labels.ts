import { createHash } from 'node:crypto';

/** The label that every series has. */
export const NODE_LABEL = 'node';
/** Labels every series of a pod has, in the order they are printed. */
export const POD_LABELS = [NODE_LABEL, 'namespace', 'pod'] as const;
/** Labels every series of a pod's interface has, in the order they are printed. */
export const INTERFACE_LABELS = [...POD_LABELS, 'interface', 'network', 'nad_namespace', 'primary'] as const;
export type InterfaceLabel = (typeof INTERFACE_LABELS)[number];
/** What selectors know of the device behind an interface; one without a device has none of them. */
export const DEVICE_LABELS = ['pf', 'vf', 'pci_address', 'numa_node', 'container', 'resource'] as const;
export type DeviceLabel = (typeof DEVICE_LABELS)[number];

/** Names that a metric selector uses for something else than a label. */
export const RESERVED_SELECTOR_KEYS = ['window', 'quantile'] as const;

const SELECTOR_VALUE_MAX = 63; // apimachinery validation.LabelValueMaxLength
const HASH_LENGTH = 8;
/** By the code of a character: 2 where a selector value may have it at its ends, 1 within alone, else 0. */
const PLACES = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return /[A-Za-z0-9]/.test(character) ? 2 : Number('._-'.includes(character));
});

/** Whether a selector value may be as it is: nearly every one. Every interface of a query is asked, so by its characters. */
function isPlain(value: string): boolean {
  const last = value.length - 1;
  if (last < 0 || last >= SELECTOR_VALUE_MAX) return false;
  if (PLACES[value.charCodeAt(0)] !== 2 || PLACES[value.charCodeAt(last)] !== 2) return false;
  for (let i = 1; i < last; i++) if ((PLACES[value.charCodeAt(i)] ?? 0) === 0) return false;
  return true;
}

/**
 * The alias under which a label value is matched by selectors: Kubernetes allows `[A-Za-z0-9._-]`, 63 characters,
 * alphanumeric at both ends. Every other character is written `_`, an end that is not alphanumeric gets an `x`, and a longer
 * value is cut and ends in the first 8 hex digits of its SHA-256.
 */
export function selectorValue(value: string): string {
  if (value === '' || isPlain(value)) return value;
  let alias = value.replace(/[^A-Za-z0-9._-]/gu, '_');
  if (!/^[A-Za-z0-9]/.test(alias)) alias = `x${alias}`;
  if (!/[A-Za-z0-9]$/.test(alias)) alias = `${alias}x`;
  if (alias.length <= SELECTOR_VALUE_MAX) return alias;
  const hash = createHash('sha256').update(value).digest('hex').slice(0, HASH_LENGTH);
  return `${alias.slice(0, SELECTOR_VALUE_MAX - HASH_LENGTH - 1)}-${hash}`;
}

/** A pod label chosen with --pod-labels, and the label name it gets on every series of the pod. */
export interface PodLabel {
  readonly key: string;
  readonly name: string;
}

/** `app.kubernetes.io/name` becomes `label_app_kubernetes_io_name`, as kube-state-metrics writes it. */
export function podLabel(key: string): PodLabel {
  return { key, name: `label_${key.replace(/[^A-Za-z0-9_]/g, '_')}` };
}

/** Of the chosen labels those that a pod has, as they are printed. */
export function chosenLabels(
  labels: Readonly<Record<string, string>>,
  chosen: readonly PodLabel[],
): [name: string, value: string][] {
  return chosen.flatMap(({ key, name }) => (Object.hasOwn(labels, key) ? [[name, labels[key] ?? '']] : []));
}
