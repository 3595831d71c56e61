import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { InterfaceReport, PodContainer, PodReport, type Reading } from '../../openapi/node-report.js';
import {
  INTERFACE_COUNTERS,
  REPORT_LIMITS,
  SKIP_REASONS,
  type SkipReason,
  TOO_MUCH_STACKING,
} from '../../openapi/report-terms.js';
import { LABEL_KEY, LABEL_KEY_MAX, LABEL_VALUE, LABEL_VALUE_MAX } from '../../openapi/patterns.js';
import { isStacked, isStackingWithinLimit } from '../../metrics/stacking.js';
import { ApiError } from '../api/errors.js';
import type { AcceptedPod, AcceptedReport, PodMeta } from '../store/report.js';
import { checkPodCpus } from './check-devices.js';
import { heldPodOf, isHeldInterface, type HeldPod, type HeldPods } from './check-held.js';
import {
  areWhole,
  checkReadings,
  INTERFACE_READING,
  TRANSPORT_READING,
  type Place,
  type SampleRows,
} from './check-readings.js';
import { excerpt, firstError } from './explain.js';
import { openSchema, unchecked } from './open-schema.js';

const {
  skipped: _skipped,
  transport: _transport,
  container: _container,
  exclusiveCpus: _cpus,
  numaAligned: _aligned,
  ...described
} = PodReport.properties;
const OpenPod = openSchema(described, {
  labels: Type.Record(Type.String(), Type.Unknown(), { maxProperties: REPORT_LIMITS.labelsPerPod }),
  interfaces: Type.Optional(unchecked(REPORT_LIMITS.interfacesPerPod)),
  skipped: Type.Optional(Type.Unknown()),
  transport: Type.Optional(Type.Unknown()),
  container: Type.Optional(Type.Unknown()),
  exclusiveCpus: Type.Optional(Type.Unknown()),
  numaAligned: Type.Optional(Type.Unknown()),
});
const OpenInterface = openSchema(InterfaceReport.properties, { readings: unchecked(REPORT_LIMITS.samples) });

const POD = Compile(OpenPod);
const INTERFACE = Compile(OpenInterface);
type OpenPod = Static<typeof OpenPod>;
type OpenInterface = Static<typeof OpenInterface>;
const CONTAINER = Compile(PodContainer);
const LABEL_KEY_PATTERN = new RegExp(LABEL_KEY, 'u');
const LABEL_VALUE_PATTERN = new RegExp(LABEL_VALUE, 'u');

const IS_RECEIVED = INTERFACE_COUNTERS.map((counter) => counter.startsWith('receive'));

const SKIP_WORDS = Object.keys(SKIP_REASONS) as SkipReason[];

/** Shared by all pods of which none was left out, which are nearly all. */
const NONE: ReadonlySet<string> = new Set();

interface PodContext extends SampleRows {
  /** What is held of the pods of the node. */
  readonly held?: HeldPods | undefined;
}

interface PodPlace extends Place {
  /** The pod itself, where its entry says no more than what is held of it. */
  readonly pod: HeldPod | undefined;
}

/**
 * Judges the pods of a report, each by itself.
 * @throws {ApiError} BadRequest when they have more interfaces together than a node can
 */
export function checkPods(entries: readonly unknown[], context: PodContext): Pick<AcceptedReport, 'pods' | 'leftOut'> {
  const { rows, length, rejections, held } = context;
  const pods = new Map<string, AcceptedPod>();
  const leftOut = new Set<string>();
  let interfaces = 0;
  for (const [i, entry] of entries.entries()) {
    const path = `pods[${i}]`;
    const pod = heldPodOf(entry, held);
    if (!isPod(entry, pod)) {
      rejections.add(path, 'bad_pod', () => firstError(POD, entry));
      for (const name of namesOf(entry)) leftOut.add(name);
      continue;
    }
    interfaces += entry.interfaces?.length ?? 0;
    if (interfaces > REPORT_LIMITS.interfaces) {
      throw new ApiError('BadRequest', `pods: more than ${REPORT_LIMITS.interfaces} interfaces together`);
    }
    const createdMs = pod?.meta.createdMs ?? Date.parse(entry.creationTimestamp);
    if (Number.isNaN(createdMs)) {
      rejections.add(path, 'bad_pod', `creationTimestamp: no such time, ${excerpt(entry.creationTimestamp)}`);
      leftOut.add(entry.uid);
    } else if (pods.has(entry.uid)) {
      rejections.add(path, 'duplicate_pod', `uid ${entry.uid} stands before in this report`);
    } else {
      pods.set(entry.uid, acceptPod(entry, createdMs, { rows, length, rejections, path, pod }));
    }
  }
  return { pods: [...pods.values()], leftOut };
}

/** @param held where the entry says what is held of a pod */
function isPod(entry: unknown, held: HeldPod | undefined): entry is OpenPod {
  if (held === undefined) return POD.Check(entry);
  const { interfaces } = entry as { readonly interfaces?: unknown };
  return interfaces === undefined || (Array.isArray(interfaces) && interfaces.length <= REPORT_LIMITS.interfacesPerPod);
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

function acceptPod(entry: OpenPod, createdMs: number, place: PodPlace): AcceptedPod {
  const { hostNetwork } = entry;
  const entries = entry.interfaces ?? [];
  const { interfaces, leftOut, complete } = hostNetwork
    ? refuseInterfaces(entries, place)
    : checkInterfaces(entries, place);
  const meta = place.pod?.meta ?? acceptMeta(entry, { createdMs, complete }, place);
  return {
    meta: meta.complete === complete ? meta : { ...meta, complete },
    interfaces,
    leftOut,
    isRead: hostNetwork || entry.interfaces !== undefined,
    ...(entry.skipped !== undefined && checkSkipped(entry.skipped)),
    ...(entry.transport !== undefined && checkTransport(entry, place)),
  };
}

function acceptMeta(entry: OpenPod, known: Pick<PodMeta, 'createdMs' | 'complete'>, place: Place): PodMeta {
  const { namespace, name, uid, workload, hostNetwork, machine } = entry;
  const { createdMs, complete } = known;
  const labels = checkLabels(entry.labels, place);
  // Not by spreading, for which V8 makes each of these objects a hidden class of its own, larger than the object: they are held.
  return Object.assign(
    { namespace, name, uid, hostNetwork, createdMs, complete, labels },
    machine === undefined ? {} : { machine },
    workload === undefined ? {} : { workload: { kind: workload.kind, name: workload.name } },
    { ...checkContainer(entry.container, place), ...checkPodCpus(entry, place) },
  );
}

/** A word that only a later agent has is none. */
function checkSkipped(word: unknown): Pick<AcceptedPod, 'skipped'> {
  const skipped = SKIP_WORDS.find((one) => one === word);
  return skipped === undefined ? {} : { skipped };
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

function checkTransport({ transport: entries, hostNetwork }: OpenPod, context: Place): Pick<AcceptedPod, 'transport'> {
  const path = `${context.path}.transport`;
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
  return { interfaces: [], leftOut: NONE, complete: true };
}

function checkInterfaces(entries: readonly unknown[], place: PodPlace): CheckedInterfaces {
  const interfaces: InterfaceReport[] = [];
  let leftOut: Set<string> | undefined;
  let complete = true;
  for (const [i, entry] of entries.entries()) {
    const isHeld = place.pod !== undefined && isHeldInterface(entry, place.pod);
    const isShaped = isInterface(entry, isHeld);
    if (!isShaped || entry.readings.length !== place.length) {
      const message = isShaped
        ? `${entry.readings.length} readings for ${place.length} samples`
        : firstError(INTERFACE, entry);
      place.rejections.add(`${place.path}.interfaces[${i}]`, 'bad_interface', message);
      complete = false;
      if (typeof entry === 'object' && entry !== null && 'name' in entry)
        (leftOut ??= new Set()).add(String(entry.name));
      continue;
    }
    const accepted = isHeld && isBelieved(entry, place) ? entry : acceptInterface(entry, i, place);
    if (interfaces.some((other) => other.name === entry.name && overlap(other, accepted))) {
      const message = `${excerpt(entry.name)} stands before in this pod`;
      place.rejections.add(`${place.path}.interfaces[${i}]`, 'duplicate_interface', message);
      complete = false; // the sum would lack what this one counts
    } else {
      interfaces.push(accepted);
    }
  }
  const stacked = stackedTooMuch(interfaces);
  if (stacked.size === 0) return { interfaces, leftOut: leftOut ?? NONE, complete };
  const message = `${TOO_MUCH_STACKING}: those that are stacked are left out`;
  place.rejections.add(`${place.path}.interfaces`, 'bad_interface', message);
  return {
    interfaces: interfaces.filter(({ name }) => !stacked.has(name)),
    leftOut: new Set([...(leftOut ?? NONE), ...stacked]),
    complete: false,
  };
}

/**
 * Where there is too much stacking in a pod, the interfaces that are stacked: all of them, as without one of them those above it would seem
 * to be stacked on nothing, and would be counted beside those below.
 */
function stackedTooMuch(interfaces: readonly InterfaceReport[]): ReadonlySet<string> {
  if (isStackingWithinLimit(interfaces)) return NONE;
  return new Set(interfaces.filter(isStacked).map(({ name }) => name));
}

function isInterface(entry: unknown, isHeld: boolean): entry is OpenInterface {
  return isHeld || INTERFACE.Check(entry);
}

/** Whether there is nothing to leave out of an entry: all of its readings are good, and its agent believes them. */
function isBelieved(entry: OpenInterface, place: Place): entry is OpenInterface & InterfaceReport {
  const { unproven, receiveUnreliable, readings } = entry;
  return unproven === undefined && receiveUnreliable === undefined && areWhole(readings, INTERFACE_READING, place);
}

/** Two entries of one name are the earlier and the present identity of it: then no sample has read both. */
function overlap(a: InterfaceReport, b: InterfaceReport): boolean {
  return a.identity === b.identity || a.readings.some((reading, i) => reading !== null && b.readings[i] !== null);
}

/** Property by property: what the schema does not know is not kept. */
function acceptInterface(entry: OpenInterface, i: number, place: PodPlace): InterfaceReport {
  const { name, network, nadNamespace, primary, identity, source, lowerDevices, hostInterface, pciAddress } = entry;
  const path = `${place.path}.interfaces[${i}].readings`;
  const readings = checkReadings(entry.readings, INTERFACE_READING, { ...place, path });
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
  { unproven, receiveUnreliable }: OpenInterface,
  readings: (Reading | null)[],
): Pick<InterfaceReport, 'unproven' | 'receiveUnreliable' | 'readings'> {
  if (unproven === true) return { unproven, readings: readings.map(() => null) };
  if (receiveUnreliable === true) return { receiveUnreliable, readings: readings.map(withoutReceived) };
  return { readings };
}

function withoutReceived(reading: Reading | null): Reading | null {
  return reading && reading.map((counter, column) => (IS_RECEIVED[column] === true ? null : counter));
}
