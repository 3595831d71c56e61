import type { AllocatedClaim, AllocatedDevice, Allocation, ClaimedDevice } from '../devices/allocation.js';
import { fieldsOf, listOf, textOf } from '../grpc/fields.js';
import { isNamespace, isObjectName, isPciAddress, isResourceName } from '../inventory/report-names.js';

/** Why an entry of an answer is left out; what it belongs to stays. */
export const BAD_ENTRIES = {
  pod: 'a pod whose name or namespace is none',
  container: 'a container whose name is none',
  device: 'a device whose resource is none, or that has no id, or one that is too long',
  numa_node: 'a NUMA node that is no number, or one that no node has',
  cpu: 'a CPU that is no number, or one that no CPU has',
  claim: 'a claim, or a device of it, whose name is none',
  too_many: 'more than a node can have',
} as const;
export type BadEntry = keyof typeof BAD_ENTRIES;

export interface DecodedAllocations {
  readonly allocations: readonly Allocation[];
  /** Entries that were left out, by reason; without those that are none. */
  readonly bad: ReadonlyMap<BadEntry, number>;
}

/** Containers, devices, CPUs, NUMA nodes and claims of an answer together; a node with 250 pods has some thousands. */
const MAX_ENTRIES = 65_536;
const MAX_DEVICE_ID = 253;
/** As a report has them. */
const MAX_CPU = 65_535;
const MAX_NUMA_NODE = 1_023;
/** Of all its parts together (Kubernetes, resource.k8s.io, validatePoolName). */
const MAX_POOL_NAME = 253;

/** @param answer to List as gRPC decoded it, see READ_AS */
export function decodeAllocations(answer: unknown): DecodedAllocations {
  const decoder = new Decoder();
  const allocations = listOf(fieldsOf(answer)['pod_resources']).flatMap((pod) => decoder.pod(pod));
  return { allocations, bad: decoder.bad };
}

/** Reads entry by entry: a bad one costs itself and what is in it. */
class Decoder {
  readonly bad = new Map<BadEntry, number>();
  #left = MAX_ENTRIES;

  pod(value: unknown): Allocation[] {
    const { name, namespace, containers } = fieldsOf(value);
    if (!isName(name, isObjectName) || !isName(namespace, isNamespace)) return this.#drop('pod');
    return this.#entries(containers, (container) => this.#container(container, namespace, name));
  }

  #container(value: unknown, namespace: string, pod: string): Allocation[] {
    const { name, devices, cpu_ids: cpus, dynamic_resources: claims } = fieldsOf(value);
    if (!isName(name, isObjectName)) return this.#drop('container');
    return [
      {
        ...{ namespace, pod, container: name },
        devices: listOf(devices).flatMap((device) => this.#devices(device)),
        cpus: this.#entries(cpus, (cpu) => this.#number(cpu, MAX_CPU, 'cpu')),
        claims: this.#entries(claims, (claim) => this.#claim(claim)),
      },
    ];
  }

  /** The kubelet has an entry for each device of a resource, or for all of one that has no topology. */
  #devices(value: unknown): AllocatedDevice[] {
    const { resource_name: resource, device_ids: ids, topology } = fieldsOf(value);
    if (!isName(resource, isResourceName)) return this.#drop('device');
    const nodes = fieldsOf(topology)['nodes'];
    const numaNodes = this.#entries(nodes, (node) => this.#number(fieldsOf(node)['ID'], MAX_NUMA_NODE, 'numa_node'));
    return this.#entries(ids, (value) => {
      const id = textOf(value, MAX_DEVICE_ID);
      return id === undefined ? this.#drop('device') : [{ resource, id: canonicalId(id), numaNodes }];
    });
  }

  #claim(value: unknown): AllocatedClaim[] {
    const { claim_name: name, claim_namespace: namespace, claim_resources: resources } = fieldsOf(value);
    if (!isName(name, isObjectName) || !isName(namespace, isNamespace)) return this.#drop('claim');
    return [{ namespace, name, devices: this.#entries(resources, (device) => this.#claimedDevice(device)) }];
  }

  #claimedDevice(value: unknown): ClaimedDevice[] {
    const { driver_name: driver, pool_name: pool, device_name: device } = fieldsOf(value);
    if (driver === '' && pool === '' && device === '') return []; // before Kubernetes 1.31 it has no names
    if (!isName(driver, isObjectName) || !isName(pool, isPoolName) || !isName(device, isObjectName)) {
      return this.#drop('claim');
    }
    return [{ driver, pool, device }];
  }

  /** @param value 64 bits as text */
  #number(value: unknown, max: number, reason: BadEntry): number[] {
    const number = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : Infinity;
    return number <= max ? [number] : this.#drop(reason);
  }

  #entries<T>(values: unknown, decode: (value: unknown) => readonly T[]): T[] {
    const list = listOf(values);
    const taken = list.length <= this.#left ? list : list.slice(0, this.#left);
    this.#left -= taken.length;
    this.#drop('too_many', list.length - taken.length);
    return taken.flatMap(decode);
  }

  #drop(reason: BadEntry, count = 1): [] {
    if (count > 0) this.bad.set(reason, (this.bad.get(reason) ?? 0) + count);
    return [];
  }
}

function isName(value: unknown, fits: (text: string) => boolean): value is string {
  return typeof value === 'string' && fits(value);
}

/** Such as `nodes/worker-1`: names that are parted by `/`. */
function isPoolName(text: string): boolean {
  return text.length <= MAX_POOL_NAME && text.split('/').every(isObjectName);
}

/** A PCI address as sysfs writes it; what is none as the device plugin has it. */
function canonicalId(id: string): string {
  const address = id.trim().toLowerCase();
  return isPciAddress(address) ? address : id;
}
