import type { KubeObject } from './kube-api/objects.js';

export const DRIVER = 'sriovnetwork.k8snetworkplumbingwg.io';

/** Where a test's API server keeps the objects of Dynamic Resource Allocation, in one of its versions. */
export function resourcePath(collection: 'resourceclaims' | 'resourceslices', name: string, version = 'v1'): string {
  const scope = collection === 'resourceclaims' ? '/namespaces/telco' : '';
  return `/apis/resource.k8s.io/${version}${scope}/${collection}/${name}`;
}

export interface ClaimParts {
  /** Uids of pods. */
  readonly reservedFor?: readonly string[];
  /** What its driver calls them in the pod; null: it has not told anything yet. */
  readonly devices: Readonly<Record<string, string | null>>;
  readonly pool?: string;
  readonly adminAccess?: boolean;
}

/** As the scheduler and a DRA driver leave it. */
export function claimObject({ reservedFor = [], devices, pool = 'node-a', adminAccess }: ClaimParts): KubeObject {
  const results = Object.keys(devices).map((device) => ({
    ...{ request: 'vf', driver: DRIVER, pool, device },
    ...(adminAccess !== undefined && { adminAccess }),
  }));
  const statuses = Object.entries(devices).flatMap(([device, interfaceName]) =>
    interfaceName === null
      ? []
      : [
          {
            ...{ driver: DRIVER, pool, device, conditions: null },
            data: { cniResult: { cniVersion: '1.0.0' } },
            networkData: { interfaceName, ips: ['10.1.0.2/24'], hardwareAddress: '02:00:00:00:00:01' },
          },
        ],
  );
  return {
    spec: { devices: { requests: [{ name: 'vf', exactly: { deviceClassName: DRIVER } }] } },
    status: {
      allocation: { devices: { results } },
      ...(statuses.length > 0 && { devices: statuses }),
      reservedFor: reservedFor.map((uid) => ({ resource: 'pods', name: `pod-of-${uid}`, uid })),
    },
  };
}

export interface SliceParts {
  readonly nodeName?: string;
  readonly pool?: string;
  readonly generation?: number;
  /** PCI addresses by name, as the driver writes them; empty: it says none. */
  readonly devices: Readonly<Record<string, string>>;
  /** Before v1beta2 the attributes of a device were one level deeper. */
  readonly isBasic?: boolean;
  readonly attribute?: string;
}

export function sliceObject(parts: SliceParts): KubeObject {
  const { nodeName = 'node-a', pool = 'node-a', generation = 1, devices, isBasic = false } = parts;
  const { attribute = 'resource.kubernetes.io/pciBusID' } = parts;
  return {
    spec: {
      ...{ driver: DRIVER, nodeName, pool: { name: pool, generation, resourceSliceCount: 1 } },
      devices: Object.entries(devices).map(([name, address]) => {
        const vendor = { [`${DRIVER}/vendor`]: { string: '8086' } };
        const attributes = { ...vendor, ...(address !== '' && { [attribute]: { string: address } }) };
        return { name, ...(isBasic ? { basic: { attributes } } : { attributes }) };
      }),
    },
  };
}
