import { INTERFACE_COUNTER_FAMILIES } from '../../../metrics/catalogue.js';
import type { LabelChanges, OldFamily } from './predecessor.js';

/** The eight counters of an interface under names that are made of cAdvisor's. */
export function containerNetworkFamilies(
  rename: (cadvisorName: string) => string,
  family: Omit<OldFamily, 'name' | 'ours'>,
): OldFamily[] {
  return INTERFACE_COUNTER_FAMILIES.map(({ name }) => ({
    ...family,
    name: rename(name.replace(/^podnet_interface_/, 'container_network_')),
    ours: { name, isOfInterfaces: true },
  }));
}

/**
 * cAdvisor's: of the container whose network it is, which for a pod is one and the same whatever they say.
 * @param isServed whether --compat has them, as far as cAdvisor still does
 */
export function sandboxLabels(isServed: boolean): LabelChanges {
  return {
    ...Object.fromEntries(['container', 'id', 'image', 'name'].map((label) => [label, { kind: 'dropped', isServed }])),
    container_name: { kind: 'dropped', isServed: false },
    pod_name: { kind: 'renamed', to: 'pod', isFormer: true },
  };
}
