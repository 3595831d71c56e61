import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { InterfaceReport, PodContainer, PodReport, type Reading } from '../../openapi/node-report.js';
import { INTERFACE_COUNTERS, REPORT_LIMITS } from '../../openapi/report-terms.js';
import { LABEL_KEY, LABEL_KEY_MAX, LABEL_VALUE, LABEL_VALUE_MAX } from '../../openapi/patterns.js';
import { ApiError } from '../api/errors.js';
import type { AcceptedPod, AcceptedReport } from '../store/report.js';
import { checkPodCpus } from './check-devices.js';
import { checkReadings, INTERFACE_READING, TRANSPORT_READING, type Place, type SampleRows } from './check-readings.js';
import { excerpt, firstError } from './explain.js';
import { openSchema, unchecked } from './open-schema.js';

const {
  transport: _transport,
  container: _container,
  exclusiveCpus: _cpus,
  numaAligned: _aligned,
  ...described
} = PodReport.properties;
const OpenPod = openSchema(described, {
  labels: Type.Record(Type.String(), Type.Unknown(), { maxProperties: REPORT_LIMITS.labelsPerPod }),
  interfaces: Type.Optional(unchecked(REPORT_LIMITS.interfacesPerPod)),
  transport: Type.Optional(Type.Unknown()),
  container: Type.Optional(Type.Unknown()),
  exclusiveCpus: Type.Optional(Type.Unknown()),
  numaAligned: Type.Optional(Type.Unknown()),
});
const OpenInterface = openSchema(InterfaceReport.properties, { readings: unchecked(REPORT_LIMITS.samples) });

const POD = Compile(OpenPod);
const INTERFACE = Compile(OpenInterface);
const CONTAINER = Compile(PodContainer);
const LABEL_KEY_PATTERN = new RegExp(LABEL_KEY, 'u');
const LABEL_VALUE_PATTERN = new RegExp(LABEL_VALUE, 'u');

const IS_RECEIVED = INTERFACE_COUNTERS.map((counter) => counter.startsWith('receive'));

/**
 * Judges the pods of a report, each by itself.
 * @throws {ApiError} BadRequest when they have more interfaces together than a node can
 */
export function checkPods(entries: readonly unknown[], context: SampleRows): Pick<AcceptedReport, 'pods' | 'leftOut'> {
  const { rejections } = context;
  const pods = new Map<string, AcceptedPod>();
  const leftOut = new Set<string>();
  let interfaces = 0;
  for (const [i, entry] of entries.entries()) {
    const path = `pods[${i}]`;
    if (!POD.Check(entry)) {
      rejections.add(path, 'bad_pod', () => firstError(POD, entry));
      for (const name of namesOf(entry)) leftOut.add(name);
      continue;
    }
    interfaces += entry.interfaces?.length ?? 0;
    if (interfaces > REPORT_LIMITS.interfaces) {
      throw new ApiError('BadRequest', `pods: more than ${REPORT_LIMITS.interfaces} interfaces together`);
    }
    const createdMs = Date.parse(entry.creationTimestamp);
    if (Number.isNaN(createdMs)) {
      rejections.add(path, 'bad_pod', `creationTimestamp: no such time, ${excerpt(entry.creationTimestamp)}`);
      leftOut.add(entry.uid);
    } else if (pods.has(entry.uid)) {
      rejections.add(path, 'duplicate_pod', `uid ${entry.uid} stands before in this report`);
    } else {
      pods.set(entry.uid, acceptPod(entry, createdMs, { ...context, path }));
    }
  }
  return { pods: [...pods.values()], leftOut };
}

/** What an entry that is no good still says of the pod it is about. */
function namesOf(entry: unknown): string[] {
  if (typeof entry !== 'object' || entry === null) return [];
  const { uid, namespace, name } = entry as Partial<Record<'uid' | 'namespace' | 'name', unknown>>;
  return [
    ...(typeof uid === 'string' ? [uid] : []),
    ...(typeof namespace === 'string' && typeof name === 'string' ? [`${namespace}/${name}`] : []),
  ];
}

function acceptPod(entry: Static<typeof OpenPod>, createdMs: number, place: Place): AcceptedPod {
  const { namespace, name, uid, workload, hostNetwork, machine } = entry;
  const entries = entry.interfaces ?? [];
  const { interfaces, leftOut, complete } = hostNetwork
    ? refuseInterfaces(entries, place)
    : checkInterfaces(entries, place);
  const meta = {
    ...{ namespace, name, uid, hostNetwork, createdMs, complete },
    labels: checkLabels(entry.labels, place),
    ...(machine !== undefined && { machine }),
    ...(workload !== undefined && { workload: { kind: workload.kind, name: workload.name } }),
    ...checkContainer(entry.container, place),
    ...checkPodCpus(entry, place),
  };
  const isRead = hostNetwork || entry.interfaces !== undefined;
  return { meta, interfaces, leftOut, isRead, ...checkTransport(entry, place) };
}

function checkContainer(entry: unknown, { path, rejections }: Place): Pick<PodReport, 'container'> {
  if (entry === undefined) return {};
  if (CONTAINER.Check(entry)) {
    const { name, image, cgroup } = entry;
    return { container: { name, image, cgroup } };
  }
  rejections.add(`${path}.container`, 'bad_container', firstError(CONTAINER, entry));
  return {};
}

function checkTransport(
  { transport: entries, hostNetwork }: Static<typeof OpenPod>,
  { path: ofPod, ...context }: Place,
): Pick<AcceptedPod, 'transport'> {
  if (entries === undefined) return {};
  const path = `${ofPod}.transport`;
  if (hostNetwork) {
    context.rejections.add(path, 'host_network', "a pod on the host network is not given the node's counters");
    return {};
  }
  if (Array.isArray(entries) && entries.length === context.length) {
    return { transport: checkReadings(entries, TRANSPORT_READING, { ...context, path }) };
  }
  const message = `want a list of ${context.length}, one for each sample: ${excerpt(entries)}`;
  context.rejections.add(path, 'bad_transport', message);
  return {};
}

function checkLabels(labels: Readonly<Record<string, unknown>>, { path, rejections }: Place): Record<string, string> {
  const good: [string, string][] = [];
  for (const [key, value] of Object.entries(labels)) {
    if (key.length > LABEL_KEY_MAX || !LABEL_KEY_PATTERN.test(key)) {
      rejections.add(`${path}.labels`, 'bad_label', `${excerpt(key)} is not a label key`);
    } else if (typeof value !== 'string' || value.length > LABEL_VALUE_MAX || !LABEL_VALUE_PATTERN.test(value)) {
      rejections.add(`${path}.labels`, 'bad_label', `${excerpt(value)} is not a value for the label ${key}`);
    } else {
      good.push([key, value]);
    }
  }
  return Object.fromEntries(good);
}

interface CheckedInterfaces {
  readonly interfaces: readonly InterfaceReport[];
  readonly leftOut: ReadonlySet<string>;
  readonly complete: boolean;
}

function refuseInterfaces(entries: readonly unknown[], { path, rejections }: Place): CheckedInterfaces {
  if (entries.length > 0) {
    rejections.add(`${path}.interfaces`, 'host_network', "a pod on the host network is not given the node's traffic");
  }
  return { interfaces: [], leftOut: new Set(), complete: true };
}

function checkInterfaces(entries: readonly unknown[], place: Place): CheckedInterfaces {
  const interfaces: InterfaceReport[] = [];
  const leftOut = new Set<string>();
  let complete = true;
  for (const [i, entry] of entries.entries()) {
    const path = `${place.path}.interfaces[${i}]`;
    const isShaped = INTERFACE.Check(entry);
    if (!isShaped || entry.readings.length !== place.length) {
      const message = isShaped
        ? `${entry.readings.length} readings for ${place.length} samples`
        : firstError(INTERFACE, entry);
      place.rejections.add(path, 'bad_interface', message);
      complete = false;
      if (typeof entry === 'object' && entry !== null && 'name' in entry) leftOut.add(String(entry.name));
      continue;
    }
    const accepted = acceptInterface(entry, { ...place, path });
    if (interfaces.some((other) => other.name === entry.name && overlap(other, accepted))) {
      place.rejections.add(path, 'duplicate_interface', `${excerpt(entry.name)} stands before in this pod`);
      complete = false; // the sum would lack what this one counts
    } else {
      interfaces.push(accepted);
    }
  }
  return { interfaces, leftOut, complete };
}

/** Two entries of one name are the earlier and the present identity of it: then no sample has read both. */
function overlap(a: InterfaceReport, b: InterfaceReport): boolean {
  return a.identity === b.identity || a.readings.some((reading, i) => reading !== null && b.readings[i] !== null);
}

/** Property by property: what the schema does not know is not kept. */
function acceptInterface(entry: Static<typeof OpenInterface>, place: Place): InterfaceReport {
  const { name, network, nadNamespace, primary, identity, source, lowerDevices, hostInterface, pciAddress } = entry;
  const readings = checkReadings(entry.readings, INTERFACE_READING, { ...place, path: `${place.path}.readings` });
  return {
    ...{ name, network, nadNamespace, primary, identity, source },
    ...(lowerDevices !== undefined && { lowerDevices }),
    ...(hostInterface !== undefined && { hostInterface }),
    ...(pciAddress !== undefined && { pciAddress }),
    ...believed(entry, readings),
  };
}

/** An agent that knows its counts to be wrong or too small and tells them all the same is not believed. */
function believed(
  { unproven, receiveUnreliable }: Static<typeof OpenInterface>,
  readings: (Reading | null)[],
): Pick<InterfaceReport, 'unproven' | 'receiveUnreliable' | 'readings'> {
  if (unproven === true) return { unproven, readings: readings.map(() => null) };
  if (receiveUnreliable === true) return { receiveUnreliable, readings: readings.map(withoutReceived) };
  return { readings };
}

function withoutReceived(reading: Reading | null): Reading | null {
  return reading && reading.map((counter, column) => (IS_RECEIVED[column] === true ? null : counter));
}
