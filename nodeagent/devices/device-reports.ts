import type { PhysicalFunctionReport, VirtualFunctionReport } from '../../openapi/device-report.js';
import type { Owner, PfReading } from './device.js';
import type { Ledger } from './ledger.js';

export interface KnownOfVfs {
  readonly owners: ReadonlyMap<string, Owner>;
  readonly ledger: Pick<Ledger, 'of'>;
  /** Whether the readings are those of now. */
  readonly isRead: boolean;
}

/** What a report says of VFs: each that the ledger has. */
export function describeVfs(
  readings: readonly PfReading[],
  { owners, ledger, isRead }: KnownOfVfs,
): VirtualFunctionReport[] {
  return readings.flatMap(({ pf, virtualFunctions }) =>
    virtualFunctions.flatMap(({ vf, settings }) => {
      const entry = ledger.of(vf.pciAddress);
      if (entry === undefined) return [];
      const owner = owners.get(vf.pciAddress);
      const { epoch, isCurrent, raw, counted, unattributed } = entry;
      return {
        ...{ pf: pf.name, vf: vf.index, pciAddress: vf.pciAddress, epoch, isCurrent: isCurrent && isRead },
        ...(vf.numaNode !== undefined && { numaNode: vf.numaNode }),
        ...(vf.driver !== undefined && { driver: vf.driver }),
        ...settings,
        ...(owner !== undefined && { owner }),
        ...{ raw, unattributed },
        ...(owner !== undefined && { counted }),
      };
    }),
  );
}

export function describePf({ pf, counterSource, counterAbsence }: PfReading): PhysicalFunctionReport {
  const { name, pciAddress, numaNode, driver, linkLayer, totalVirtualFunctions, virtualFunctions } = pf;
  return {
    ...{ name, pciAddress, linkLayer, totalVirtualFunctions, virtualFunctions: virtualFunctions.length },
    ...(numaNode !== undefined && { numaNode }),
    ...(driver !== undefined && { driver }),
    ...(counterSource !== undefined && { counterSource }),
    ...(counterAbsence !== undefined && { counterAbsence }),
  };
}
