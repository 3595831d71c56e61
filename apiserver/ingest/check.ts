import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { CollectorResult, NodeReport, Sample } from '../../openapi/node-report.js';
import { NODE_REPORT_VERSION, REPORT_LIMITS } from '../../openapi/report-terms.js';
import { ApiError } from '../api/errors.js';
import type { AcceptedReport } from '../store/report.js';
import { checkDevices } from './check-devices.js';
import type { HeldPods } from './check-held.js';
import { checkIpam } from './check-ipam.js';
import { checkPods } from './check-pods.js';
import { checkProbes } from './check-probes.js';
import { excerpt, firstError } from './explain.js';
import { openSchema, unchecked } from './open-schema.js';
import { Rejections } from './rejections.js';

const optionalUnchecked = (maxItems: number) => Type.Optional(unchecked(maxItems));

const ENVELOPE = Compile(
  openSchema(NodeReport.properties, {
    samples: unchecked(REPORT_LIMITS.samples),
    pods: unchecked(REPORT_LIMITS.pods),
    physicalFunctions: optionalUnchecked(REPORT_LIMITS.physicalFunctions),
    virtualFunctions: optionalUnchecked(REPORT_LIMITS.virtualFunctions),
    cpus: optionalUnchecked(REPORT_LIMITS.numaNodes),
    probes: Type.Optional(Type.Unknown()),
    ipam: optionalUnchecked(REPORT_LIMITS.ipamSources),
    collectors: unchecked(REPORT_LIMITS.collectors),
  }),
);
const SAMPLE = Compile(Sample);
/** No part of this server keeps them: judged all the same, so that an agent hears of a bad one. */
const COLLECTOR = Compile(CollectorResult);

/** A sample taken after its report was sent by more than the rounding of a clock is not one. */
const FUTURE_MS = 1_000;

export interface CheckedReport {
  readonly report: AcceptedReport;
  readonly rejections: Rejections;
}

/** What is held of earlier reports, all of it judged when it came. */
export interface HeldNodes {
  nodeOf(name: string, role: string): { readonly pods: HeldPods } | undefined;
}

/**
 * Judges a report: the envelope as a whole, then every entry by itself. A bad entry is left out and named, and what contains
 * it goes on without it.
 * @param held what an entry says again of a pod or an interface is not judged again; the outcome is the same without it
 * @throws {ApiError} BadRequest when the envelope is bad
 */
export function checkReport(body: unknown, held?: HeldNodes): CheckedReport {
  checkVersion(body);
  if (!ENVELOPE.Check(body))
    throw new ApiError('BadRequest', `the report is not a NodeReport: ${firstError(ENVELOPE, body)}`);
  const rejections = new Rejections();
  const { rows, samples } = checkSamples(body.samples, body.sentAt, rejections);
  const newest = samples.at(-1)?.sequence ?? 0;
  if (newest > body.sequence)
    throw new ApiError('BadRequest', `sequence: ${body.sequence} is older than its newest sample, ${newest}`);
  const { node, role, bootId, sequence, intervalMs, sentAt, agentVersion } = body;
  const instance = { id: body.instance.id, startedAt: body.instance.startedAt };
  const context = { rows, length: body.samples.length, rejections };
  const { pods, leftOut } = checkPods(role === 'node' ? body.pods : [], {
    ...context,
    held: held?.nodeOf(node, role)?.pods,
  });
  if (role !== 'node' && body.pods.length > 0)
    rejections.add('pods', 'bad_pod', `an agent of role ${role} has no pods`);
  let uids: Set<string> | undefined;
  const isReported = (uid: string): boolean =>
    (uids ??= new Set([...leftOut, ...pods.map(({ meta }) => meta.uid)])).has(uid);
  const devices = checkDevices(role, body, { rejections, isReported });
  const probes = checkProbes(body.probes, { ...context, role, node });
  const ipam = checkIpam(body.ipam, { role, latestMs: sentAt + FUTURE_MS, rejections });
  for (const [i, entry] of body.collectors.entries()) {
    if (!COLLECTOR.Check(entry)) rejections.add(`collectors[${i}]`, 'bad_collector', firstError(COLLECTOR, entry));
  }
  return {
    report: {
      ...{ node, role, bootId, instance, sequence, intervalMs, sentAt, agentVersion },
      ...{ samples, pods, leftOut },
      ...(devices !== undefined && { devices }),
      ...(probes !== undefined && { probes }),
      ...(ipam !== undefined && { ipam }),
    },
    rejections,
  };
}

function checkVersion(body: unknown): void {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new ApiError('BadRequest', 'the report is not a JSON object');
  const { apiVersion, kind } = body as Partial<Record<'apiVersion' | 'kind', unknown>>;
  if (apiVersion !== NODE_REPORT_VERSION || kind !== 'NodeReport') {
    const said = `${excerpt(kind)} of ${excerpt(apiVersion)}`;
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
      rejections.add(path, 'bad_sample', () => firstError(SAMPLE, entry));
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
