import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { CountedCounter, DeviceOwner, RawCounter, VirtualFunctionReport } from '../../openapi/device-report.js';
import { VF_COUNTER_KEY, VF_COUNTER_KEY_MAX } from '../../openapi/patterns.js';
import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import type { AcceptedDevices } from '../store/report.js';
import type { DeviceContext } from './check-devices.js';
import { checkEach } from './check-each.js';
import { excerpt, firstError } from './explain.js';
import { keepKnown, openSchema } from './open-schema.js';

const OPEN = Type.Optional(Type.Unknown());
const OpenVirtualFunction = openSchema(VirtualFunctionReport.properties, {
  ...{ owner: OPEN, raw: OPEN, counted: OPEN, unattributed: OPEN },
});
type OpenVirtualFunction = Static<typeof OpenVirtualFunction>;

const VIRTUAL_FUNCTION = Compile(OpenVirtualFunction);
const OWNER = Compile(DeviceOwner);
const RAW = Compile(RawCounter);
const COUNTED = Compile(CountedCounter);
const KEY = new RegExp(VF_COUNTER_KEY);
const U64_MAX = 2n ** 64n - 1n;

interface Counters extends DeviceContext {
  /** Counters that the report may still have. */
  left: number;
  /** Characters of their lines on /metrics that it may still have. */
  textLeft: number;
}

/** What may be in a list of counters. */
interface CounterKind<Counter> {
  readonly isCounter: (value: unknown) => value is Counter;
  /** Characters of a line of one on /metrics, about; 0: it has none. */
  readonly lineLength: number;
}

/** Names of the family and the labels, and what the VF and the counter say themselves. */
const LINE_LENGTH = 256;

/** Judges the VFs of a report: one of each PCI address. A bad owner or counter costs itself alone. */
export function checkVirtualFunctions(
  entries: readonly unknown[],
  context: DeviceContext,
): Pick<AcceptedDevices, 'virtualFunctions' | 'isPartial'> {
  const counters = { ...context, left: REPORT_LIMITS.vfCounters, textLeft: REPORT_LIMITS.vfCounterText };
  const judgement = {
    ...{ path: 'virtualFunctions', reason: 'bad_virtual_function' as const, validator: VIRTUAL_FUNCTION },
    keyOf: ({ pciAddress }: OpenVirtualFunction) => `pciAddress ${pciAddress}`,
    keep: (entry: OpenVirtualFunction, path: string) => acceptVirtualFunction(entry, path, counters),
  };
  const virtualFunctions = checkEach(entries, judgement, context.rejections);
  return { virtualFunctions, isPartial: virtualFunctions.length < entries.length };
}

function acceptVirtualFunction(entry: OpenVirtualFunction, path: string, context: Counters): VirtualFunctionReport {
  const { owner: ofPod, raw: ofDevice, counted: ofOwner, unattributed: ofNobody, ...rest } = entry;
  const owner = checkOwner(ofPod, `${path}.owner`, context);
  const lineLength = LINE_LENGTH + rest.pf.length;
  const ofPodLength = lineLength + (owner === undefined ? 0 : JSON.stringify(owner).length);
  const raw = checkCounters(ofDevice, `${path}.raw`, { isCounter: isRaw, lineLength: 0 }, context);
  const counted = checkCounters(ofOwner, `${path}.counted`, { isCounter: isCounted, lineLength: ofPodLength }, context);
  const unattributed = checkCounters(ofNobody, `${path}.unattributed`, { isCounter: isCounted, lineLength }, context);
  return {
    ...keepKnown(rest, VirtualFunctionReport.properties),
    ...(owner !== undefined && { owner }),
    ...(raw !== undefined && { raw }),
    ...(counted !== undefined && { counted }),
    ...(unattributed !== undefined && { unattributed }),
  };
}

/** Whoever has it is a pod of this report: one node cannot tell what the pods of another have. */
function checkOwner(entry: unknown, path: string, { rejections, isReported }: DeviceContext): DeviceOwner | undefined {
  if (entry === undefined) return undefined;
  if (!OWNER.Check(entry)) {
    rejections.add(path, 'bad_owner', firstError(OWNER, entry));
    return undefined;
  }
  if (entry.podUid !== undefined && !isReported(entry.podUid)) {
    rejections.add(path, 'bad_owner', `podUid: ${excerpt(entry.podUid)} is no pod of this report`);
    return undefined;
  }
  return keepKnown(entry, DeviceOwner.properties);
}

function checkCounters<Counter>(
  entry: unknown,
  path: string,
  { isCounter, lineLength }: CounterKind<Counter>,
  context: Counters,
): Record<string, Counter> | undefined {
  if (entry === undefined) return undefined;
  const { rejections } = context;
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    rejections.add(path, 'bad_counter', `want counters by name: ${excerpt(entry)}`);
    return undefined;
  }
  const entries: [string, unknown][] = Object.entries(entry);
  const fitting = lineLength === 0 ? Infinity : Math.floor(context.textLeft / lineLength);
  const bound = Math.min(REPORT_LIMITS.countersPerVf, context.left, fitting);
  if (entries.length > bound) {
    rejections.add(path, 'bad_counter', `${entries.length} counters are more than the ${bound} that there may be`);
    return undefined;
  }
  context.left -= entries.length;
  context.textLeft -= entries.length * lineLength;
  const good: [string, Counter][] = [];
  for (const [key, value] of entries) {
    if (key.length > VF_COUNTER_KEY_MAX || !KEY.test(key)) {
      rejections.add(path, 'bad_counter', `${excerpt(key)} is no name of a counter`);
    } else if (!isCounter(value)) {
      rejections.add(path, 'bad_counter', `${key} is not a count: ${excerpt(value)}`);
    } else {
      good.push([key, value]);
    }
  }
  return Object.fromEntries(good);
}

function isRaw(value: unknown): value is string {
  return RAW.Check(value) && BigInt(value) <= U64_MAX;
}

function isCounted(value: unknown): value is number {
  return COUNTED.Check(value);
}
