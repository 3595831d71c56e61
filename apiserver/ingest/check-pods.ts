import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import {
  INTERFACE_COUNTERS,
  InterfaceReport,
  PodReport,
  REPORT_LIMITS,
  Reading,
  type PodContainer,
} from '../../openapi/node-report.js';
import { LABEL_KEY, LABEL_KEY_MAX, LABEL_VALUE, LABEL_VALUE_MAX } from '../../openapi/patterns.js';
import { ApiError } from '../api/errors.js';
import type { AcceptedPod, AcceptedReport } from '../store/report.js';
import { excerpt, firstError } from './explain.js';
import { openSchema, unchecked } from './open-schema.js';
import type { Rejections } from './rejections.js';

const OpenPod = openSchema(PodReport.properties, {
  labels: Type.Record(Type.String(), Type.Unknown(), { maxProperties: REPORT_LIMITS.labelsPerPod }),
  interfaces: unchecked(REPORT_LIMITS.interfacesPerPod),
});
const OpenInterface = openSchema(InterfaceReport.properties, { readings: unchecked(REPORT_LIMITS.samples) });

const POD = Compile(OpenPod);
const INTERFACE = Compile(OpenInterface);
const READING = Compile(Reading);
const COUNTER = Compile(Reading.items);
const LABEL_KEY_PATTERN = new RegExp(LABEL_KEY, 'u');
const LABEL_VALUE_PATTERN = new RegExp(LABEL_VALUE, 'u');

/** Where the readings of a report stand, and who hears of those that are none. */
export interface SampleRows {
  /** Positions of the good samples. */
  readonly rows: readonly number[];
  /** Samples in the report, good or bad: how many readings an interface has. */
  readonly length: number;
  readonly rejections: Rejections;
}

interface Place extends SampleRows {
  readonly path: string;
}

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
      rejections.add(path, 'bad_pod', firstError(POD, entry));
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
  const { namespace, name, uid, workload, hostNetwork, machine, container } = entry;
  const entries = entry.interfaces ?? [];
  const { interfaces, leftOut, complete } = hostNetwork
    ? refuseInterfaces(entries, place)
    : checkInterfaces(entries, place);
  const meta = {
    ...{ namespace, name, uid, hostNetwork, createdMs, complete },
    labels: checkLabels(entry.labels, place),
    ...(machine !== undefined && { machine }),
    ...(workload !== undefined && { workload: { kind: workload.kind, name: workload.name } }),
    ...(container !== undefined && { container: containerOf(container) }),
  };
  return { meta, interfaces, leftOut, isRead: hostNetwork || entry.interfaces !== undefined };
}

function containerOf({ name, image, cgroup }: PodContainer): PodContainer {
  return { name, image, cgroup };
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
  return {
    ...{ name, network, nadNamespace, primary, identity, source },
    ...(lowerDevices !== undefined && { lowerDevices }),
    ...(hostInterface !== undefined && { hostInterface }),
    ...(pciAddress !== undefined && { pciAddress }),
    readings: checkReadings(entry.readings, place),
  };
}

function checkReadings(entries: readonly unknown[], { rows, path, rejections }: Place): InterfaceReport['readings'] {
  return rows.map((row) => {
    const entry = entries[row];
    if (entry === null || READING.Check(entry)) return entry;
    const at = `${path}.readings[${row}]`;
    if (!Array.isArray(entry) || entry.length !== INTERFACE_COUNTERS.length) {
      rejections.add(at, 'bad_counter', `a reading has ${INTERFACE_COUNTERS.length} counters: ${excerpt(entry)}`);
      return null;
    }
    return entry.map((counter: unknown, column) => {
      if (COUNTER.Check(counter)) return counter;
      rejections.add(at, 'bad_counter', `${INTERFACE_COUNTERS[column] ?? ''} is not a count: ${excerpt(counter)}`);
      return null;
    });
  });
}
