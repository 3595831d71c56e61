import { Type, type TProperties } from 'typebox';
import { Compile } from 'typebox/compile';
import { LABEL_KEY, LABEL_KEY_MAX, LABEL_VALUE, LABEL_VALUE_MAX } from '../../openapi/patterns.js';
import {
  CollectorResult,
  INTERFACE_COUNTERS,
  InterfaceReport,
  IpamSeries,
  LatencyHistogram,
  NODE_REPORT_VERSION,
  NodeReport,
  PodReport,
  REPORT_LIMITS,
  Reading,
  Sample,
  VirtualFunctionBase,
  VirtualFunctionReport,
} from '../../openapi/node-report.js';
import { ApiError } from '../api/errors.js';
import type { AcceptedPod, AcceptedReport } from '../store/report.js';
import { Rejections } from './rejections.js';

/** The list of an array property, its entries not yet looked at. */
const unchecked = (maxItems: number) => Type.Array(Type.Unknown(), { maxItems });
const optionalUnchecked = (maxItems: number) => Type.Optional(unchecked(maxItems));

// The schemas of openapi/, with the lists whose entries are judged one by one left open.
const ENVELOPE = compile(NodeReport.properties, {
  samples: unchecked(REPORT_LIMITS.samples),
  pods: unchecked(REPORT_LIMITS.pods),
  virtualFunctions: optionalUnchecked(REPORT_LIMITS.virtualFunctions),
  virtualFunctionBases: optionalUnchecked(REPORT_LIMITS.virtualFunctions),
  latency: optionalUnchecked(REPORT_LIMITS.latencyHistograms),
  ipam: optionalUnchecked(REPORT_LIMITS.ipamSeries),
  collectors: unchecked(REPORT_LIMITS.collectors),
});
const POD = compile(PodReport.properties, {
  labels: Type.Record(Type.String(), Type.Unknown(), { maxProperties: REPORT_LIMITS.labelsPerPod }),
  interfaces: unchecked(REPORT_LIMITS.interfacesPerPod),
});
const INTERFACE = compile(InterfaceReport.properties, { readings: unchecked(REPORT_LIMITS.samples) });
const SAMPLE = Compile(Sample);
const READING = Compile(Reading);
const COUNTER = Compile(Reading.items);
/** Entries that no part of this server keeps yet: judged all the same, so that an agent hears of a bad one. */
const OTHER_ENTRIES = [
  ['virtualFunctions', 'bad_virtual_function', Compile(VirtualFunctionReport)],
  ['virtualFunctionBases', 'bad_virtual_function', Compile(VirtualFunctionBase)],
  ['latency', 'bad_latency', Compile(LatencyHistogram)],
  ['ipam', 'bad_ipam', Compile(IpamSeries)],
  ['collectors', 'bad_collector', Compile(CollectorResult)],
] as const;

const LABEL_KEY_PATTERN = new RegExp(LABEL_KEY, 'u');
const LABEL_VALUE_PATTERN = new RegExp(LABEL_VALUE, 'u');

/** A sample taken after its report was sent by more than the rounding of a clock is not one. */
const FUTURE_MS = 1_000;

export interface CheckedReport {
  readonly report: AcceptedReport;
  readonly rejections: Rejections;
}

/**
 * Judges a report: the envelope as a whole, then every entry by itself. A bad entry is left out and named, and what contains
 * it goes on without it.
 * @throws {ApiError} BadRequest when the envelope is bad
 */
export function checkReport(body: unknown): CheckedReport {
  checkVersion(body);
  if (!ENVELOPE.Check(body))
    throw new ApiError('BadRequest', `the report is not a NodeReport: ${firstError(ENVELOPE, body)}`);
  const rejections = new Rejections();
  const { rows, samples } = checkSamples(body.samples, body.sentAt, rejections);
  const newest = samples.at(-1)?.sequence ?? 0;
  if (newest > body.sequence)
    throw new ApiError('BadRequest', `sequence: ${body.sequence} is older than its newest sample, ${newest}`);
  for (const [list, reason, validator] of OTHER_ENTRIES) {
    for (const [i, entry] of (body[list] ?? []).entries()) {
      if (!validator.Check(entry)) rejections.add(`${list}[${i}]`, reason, firstError(validator, entry));
    }
  }
  const { node, role, bootId, sequence, intervalMs, sentAt } = body;
  const instance = { id: body.instance.id, startedAt: body.instance.startedAt };
  const pods = checkPods(body.pods, { rows, length: body.samples.length, rejections });
  return { report: { node, role, bootId, instance, sequence, intervalMs, sentAt, samples, pods }, rejections };
}

function checkVersion(body: unknown): void {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new ApiError('BadRequest', 'the report is not a JSON object');
  const { apiVersion, kind } = body as Partial<Record<'apiVersion' | 'kind', unknown>>;
  if (apiVersion !== NODE_REPORT_VERSION || kind !== 'NodeReport') {
    const said = `${JSON.stringify(kind)} of ${JSON.stringify(apiVersion)}`;
    throw new ApiError('BadRequest', `this server takes a NodeReport of ${NODE_REPORT_VERSION}, not ${said}`);
  }
}

/** Good samples, and for each the position of its readings. */
function checkSamples(
  entries: readonly unknown[],
  sentAt: number,
  rejections: Rejections,
): { readonly rows: readonly number[]; readonly samples: Sample[] } {
  const rows: number[] = [];
  const samples: Sample[] = [];
  for (const [i, entry] of entries.entries()) {
    const path = `samples[${i}]`;
    const previous = samples.at(-1);
    if (!SAMPLE.Check(entry)) {
      rejections.add(path, 'bad_sample', firstError(SAMPLE, entry));
    } else if (entry.takenAt > sentAt + FUTURE_MS) {
      rejections.add(path, 'bad_sample', `takenAt ${entry.takenAt} is after sentAt ${sentAt}`);
    } else if (previous !== undefined && (entry.takenAt <= previous.takenAt || entry.sequence <= previous.sequence)) {
      rejections.add(path, 'bad_sample', 'samples go oldest first, each with a later time and a higher sequence');
    } else {
      rows.push(i);
      samples.push(entry);
    }
  }
  return { rows, samples };
}

interface SampleRows {
  readonly rows: readonly number[];
  /** Samples in the report, good or bad: how many readings an interface has. */
  readonly length: number;
  readonly rejections: Rejections;
}

function checkPods(entries: readonly unknown[], context: SampleRows): AcceptedPod[] {
  const { rejections } = context;
  const pods = new Map<string, AcceptedPod>();
  for (const [i, entry] of entries.entries()) {
    const path = `pods[${i}]`;
    if (!POD.Check(entry)) {
      rejections.add(path, 'bad_pod', firstError(POD, entry));
      continue;
    }
    const createdMs = Date.parse(entry.creationTimestamp);
    if (Number.isNaN(createdMs)) {
      rejections.add(path, 'bad_pod', `creationTimestamp: no such time, ${excerpt(entry.creationTimestamp)}`);
    } else if (pods.has(entry.uid)) {
      rejections.add(path, 'duplicate_pod', `uid ${entry.uid} stands before in this report`);
    } else {
      const { namespace, name, uid, workload, hostNetwork } = entry;
      const labels = checkLabels(entry.labels, path, rejections);
      const { interfaces, complete } = checkInterfaces(entry.interfaces, { ...context, path, hostNetwork });
      const meta = {
        namespace,
        name,
        uid,
        labels,
        hostNetwork,
        createdMs,
        complete,
        ...(workload !== undefined && { workload: { kind: workload.kind, name: workload.name } }),
      };
      pods.set(uid, { meta, interfaces });
    }
  }
  return [...pods.values()];
}

function checkLabels(
  labels: Readonly<Record<string, unknown>>,
  path: string,
  rejections: Rejections,
): Record<string, string> {
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

function checkInterfaces(
  entries: readonly unknown[],
  context: SampleRows & { readonly path: string; readonly hostNetwork: boolean },
): { interfaces: InterfaceReport[]; complete: boolean } {
  const { rejections, path, hostNetwork } = context;
  if (hostNetwork && entries.length > 0) {
    rejections.add(`${path}.interfaces`, 'host_network', "a pod on the host network is not given the node's traffic");
    return { interfaces: [], complete: true };
  }
  const interfaces: InterfaceReport[] = [];
  const seen = new Set<string>();
  let complete = true;
  for (const [j, entry] of entries.entries()) {
    const at = `${path}.interfaces[${j}]`;
    if (!INTERFACE.Check(entry)) {
      rejections.add(at, 'bad_interface', firstError(INTERFACE, entry));
      complete = false;
    } else if (entry.readings.length !== context.length) {
      rejections.add(at, 'bad_interface', `${entry.readings.length} readings for ${context.length} samples`);
      complete = false;
    } else if (seen.has(`${entry.name} ${entry.identity}`)) {
      rejections.add(at, 'duplicate_interface', `${excerpt(entry.name)} stands before in this pod`);
    } else {
      seen.add(`${entry.name} ${entry.identity}`);
      const { name, network, nadNamespace, primary, identity, source, lowerDevices, hostInterface, pciAddress } = entry;
      interfaces.push({
        ...{ name, network, nadNamespace, primary, identity, source }, // by name: what the schema does not know is not kept
        ...(lowerDevices !== undefined && { lowerDevices }),
        ...(hostInterface !== undefined && { hostInterface }),
        ...(pciAddress !== undefined && { pciAddress }),
        readings: checkReadings(entry.readings, { ...context, path: at }),
      });
    }
  }
  return { interfaces, complete };
}

function checkReadings(
  entries: readonly unknown[],
  { rows, path, rejections }: SampleRows & { readonly path: string },
): InterfaceReport['readings'] {
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

function compile<Whole extends TProperties, Open extends TProperties>(whole: Whole, open: Open) {
  return Compile(Type.Object({ ...whole, ...open }));
}

interface Validator {
  Errors(value: unknown): readonly { readonly instancePath: string; readonly message: string }[];
}

function firstError(validator: Validator, value: unknown): string {
  const [error] = validator.Errors(value);
  if (error === undefined) return 'does not match its schema';
  const path = error.instancePath.split('/').slice(1);
  const found = path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[key] : undefined),
    value,
  );
  const said = typeof found === 'object' ? '' : `, not ${excerpt(found)}`;
  return `${path.length === 0 ? '' : `${path.join('.')}: `}${error.message}${said}`;
}

/** Outside data as it may stand in a message: printable, and short. */
function excerpt(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
