import type { ClaimedDevice } from '../devices/allocation.js';
import { isRecord } from '../../runtime/kube/objects.js';
import { isInterfaceName, isObjectName, isPciAddress, isToken } from './report-names.js';

/** A device that a claim was given. */
export interface GivenDevice extends ClaimedDevice {
  /** It may be looked at, whoever has it (KEP-5018, `adminAccess`). */
  readonly isWatched: boolean;
  /** Whether its driver has told what it is in the network. */
  readonly hasNetworkData: boolean;
  /** In the pod. */
  readonly interfaceName?: string;
}

/** The status of a ResourceClaim, as far as it is needed. */
export interface DecodedClaim {
  /** Uids of the pods that it is reserved for. */
  readonly reservedFor: readonly string[];
  readonly devices: readonly GivenDevice[];
}

/** What a ResourceSlice says of its devices. A pool of a driver is what its slices of the highest generation say together. */
export interface DecodedSlice {
  /** `<driver>/<pool>`. */
  readonly pool: string;
  readonly generation: number;
  /** Names, and PCI addresses in lower case; empty of what is no PCI device, or does not tell. */
  readonly devices: readonly (readonly [name: string, pciAddress: string])[];
}

type Json = Readonly<Record<string, unknown>>;

/** A claim has 32 results and 256 pods at most, a slice 128 devices (k8s.io/api/resource/v1, …MaxSize): room for more. */
const MAX_ENTRIES = 1_024;
/** KEP-4381 and k8s.io/dynamic-resource-allocation/deviceattribute: domain:bus:device.function. */
const STANDARD_ADDRESS = 'resource.kubernetes.io/pciBusID';

/**
 * Keeps of a ResourceClaim who has it, and which devices it was given.
 * @param claim of resource.k8s.io/v1, v1beta2 or v1beta1: in their status they do not differ
 * @see KEP-4817 for `networkData`
 */
export function decodeResourceClaim(claim: unknown): DecodedClaim {
  const status = recordOf(claim, 'status');
  const networkData = new Map(
    listOf(status, 'devices').flatMap((one): [string, Json][] => {
      const key = JSON.stringify(deviceOf(one));
      return isRecord(one['networkData']) ? [[key, one['networkData']]] : [];
    }),
  );
  const devices = listOf(recordOf(recordOf(status, 'allocation'), 'devices'), 'results').flatMap((one) => {
    const device = deviceOf(one);
    if (device === undefined) return [];
    const data = networkData.get(JSON.stringify(device));
    const interfaceName = data?.['interfaceName'];
    const isNamed = typeof interfaceName === 'string' && isInterfaceName(interfaceName);
    return [
      {
        ...device,
        isWatched: one['adminAccess'] === true,
        hasNetworkData: data !== undefined,
        ...(isNamed && { interfaceName }),
      },
    ];
  });
  return { reservedFor: listOf(status, 'reservedFor').flatMap(podUidOf), devices };
}

/** @returns undefined for what is not a slice */
export function decodeResourceSlice(slice: unknown): DecodedSlice | undefined {
  const spec = recordOf(slice, 'spec');
  const { name: pool, generation = 0 } = recordOf(spec, 'pool');
  const driver = spec['driver'];
  if (!isDriver(driver) || !isPool(pool) || typeof generation !== 'number') return undefined;
  const devices = listOf(spec, 'devices').flatMap((device): [string, string][] => {
    const name = device['name'];
    if (!isDriver(name)) return [];
    // v1beta1 has one more level: what else a device could be was not known then
    const attributes = recordOf(isRecord(device['basic']) ? device['basic'] : device, 'attributes');
    return [[name, addressIn(attributes, driver)]];
  });
  return { pool: `${driver}/${pool}`, generation, devices };
}

/** Before there was a standard attribute, the SR-IOV driver and DRANET had one of their own; a bare name is the driver's, too. */
function addressIn(attributes: Json, driver: string): string {
  const texts = [STANDARD_ADDRESS, `${driver}/pciAddress`, 'pciAddress'].map((name) => {
    const value = recordOf(attributes, name)['string'];
    return typeof value === 'string' ? value.toLowerCase() : '';
  });
  return texts.find(isPciAddress) ?? '';
}

function deviceOf({ driver, pool, device }: Json): ClaimedDevice | undefined {
  return isDriver(driver) && isPool(pool) && isDriver(device) ? { driver, pool, device } : undefined;
}

function podUidOf({ apiGroup = '', resource, uid }: Json): string[] {
  return apiGroup === '' && resource === 'pods' && typeof uid === 'string' && isToken(uid) ? [uid] : [];
}

/** Drivers are DNS subdomains and devices DNS labels. */
function isDriver(value: unknown): value is string {
  return typeof value === 'string' && isObjectName(value);
}

/** DNS subdomains with `/` between them, 253 characters at most. */
function isPool(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 253 && value.split('/').every(isObjectName);
}

/** Empty where there is none. */
function recordOf(object: unknown, field: string): Json {
  const value = isRecord(object) ? object[field] : undefined;
  return isRecord(value) ? value : {};
}

function listOf(record: Json, field: string): readonly Json[] {
  const value = record[field];
  return Array.isArray(value) ? value.slice(0, MAX_ENTRIES).filter(isRecord) : [];
}
