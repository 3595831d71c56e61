import { Compile } from 'typebox/compile';
import { ExclusiveCpu, NodeCpus, PhysicalFunctionReport } from '../../openapi/device-report.js';
import type { PodReport } from '../../openapi/node-report.js';
import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import type { AcceptedDevices } from '../store/report.js';
import { checkEach } from './check-each.js';
import { checkVirtualFunctions } from './check-virtual-functions.js';
import { excerpt } from './explain.js';
import { keepKnown } from './open-schema.js';
import type { RejectionReason, Rejections } from './rejections.js';

/** The parts of a report that are about devices, their entries not yet looked at. */
export interface DeviceEntries {
  readonly physicalFunctions?: readonly unknown[];
  readonly virtualFunctions?: readonly unknown[];
  readonly cpus?: readonly unknown[];
}

export interface DeviceContext {
  readonly rejections: Rejections;
  /** Whether a pod of that uid is in the report. */
  readonly isReported: (uid: string) => boolean;
}

const PHYSICAL_FUNCTION = Compile(PhysicalFunctionReport);
const NODE_CPUS = Compile(NodeCpus);
const EXCLUSIVE_CPU = Compile(ExclusiveCpu);

const REASONS: Readonly<Record<keyof DeviceEntries, RejectionReason>> = {
  physicalFunctions: 'bad_physical_function',
  virtualFunctions: 'bad_virtual_function',
  cpus: 'bad_cpu',
};

/** Judges the devices of a report, each by itself; undefined where it says nothing of them. */
export function checkDevices(
  role: string,
  { physicalFunctions, virtualFunctions, cpus }: DeviceEntries,
  context: DeviceContext,
): AcceptedDevices | undefined {
  const { rejections } = context;
  if (role !== 'node') {
    for (const [list, entries] of Object.entries({ physicalFunctions, virtualFunctions, cpus })) {
      if (entries === undefined || entries.length === 0) continue;
      rejections.add(list, REASONS[list as keyof DeviceEntries], `an agent of role ${role} has none`);
    }
    return undefined;
  }
  if (physicalFunctions === undefined && virtualFunctions === undefined && cpus === undefined) return undefined;
  return {
    ...(physicalFunctions !== undefined && {
      physicalFunctions: checkPhysicalFunctions(physicalFunctions, rejections),
    }),
    ...(virtualFunctions !== undefined && checkVirtualFunctions(virtualFunctions, context)),
    ...(cpus !== undefined && { cpus: checkNodeCpus(cpus, rejections) }),
  };
}

function checkPhysicalFunctions(entries: readonly unknown[], rejections: Rejections): PhysicalFunctionReport[] {
  const judgement = {
    ...{ path: 'physicalFunctions', reason: REASONS.physicalFunctions, validator: PHYSICAL_FUNCTION },
    keyOf: ({ pciAddress }: PhysicalFunctionReport) => `pciAddress ${pciAddress}`,
    keep: (entry: PhysicalFunctionReport) => keepKnown(entry, PhysicalFunctionReport.properties),
  };
  return checkEach(entries, judgement, rejections);
}

function checkNodeCpus(entries: readonly unknown[], rejections: Rejections): NodeCpus[] {
  const judgement = {
    ...{ path: 'cpus', reason: REASONS.cpus, validator: NODE_CPUS },
    keyOf: ({ numaNode }: NodeCpus) => `numaNode ${numaNode}`,
    keep: (entry: NodeCpus) => keepKnown(entry, NodeCpus.properties),
  };
  return checkEach(entries, judgement, rejections);
}

/** What a pod has of the CPUs of its node. None of it costs the pod. */
export function checkPodCpus(
  { exclusiveCpus, numaAligned }: { readonly exclusiveCpus?: unknown; readonly numaAligned?: unknown },
  { path, rejections }: { readonly path: string; readonly rejections: Rejections },
): Pick<PodReport, 'exclusiveCpus' | 'numaAligned'> {
  const isList = Array.isArray(exclusiveCpus) && exclusiveCpus.length <= REPORT_LIMITS.exclusiveCpus;
  if (exclusiveCpus !== undefined && !isList) {
    const message = `want a list of at most ${REPORT_LIMITS.exclusiveCpus}: ${excerpt(exclusiveCpus)}`;
    rejections.add(`${path}.exclusiveCpus`, 'bad_cpu', message);
  }
  const isAlignment = typeof numaAligned === 'boolean';
  if (numaAligned !== undefined && !isAlignment) {
    rejections.add(`${path}.numaAligned`, 'bad_cpu', `want true or false: ${excerpt(numaAligned)}`);
  }
  const judgement = {
    ...{ path: `${path}.exclusiveCpus`, reason: 'bad_cpu' as const, validator: EXCLUSIVE_CPU },
    keyOf: ({ container, containerId = '', cpu }: ExclusiveCpu) => `cpu ${cpu} of ${container} ${containerId}`.trim(),
    keep: (entry: ExclusiveCpu) => keepKnown(entry, ExclusiveCpu.properties),
  };
  return {
    ...(isList && { exclusiveCpus: checkEach(exclusiveCpus, judgement, rejections) }),
    ...(isAlignment && { numaAligned }),
  };
}
