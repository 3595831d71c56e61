import { EXHAUSTION, FREE, IPAM_FIGURES, type IpamFigure } from '../../../metrics/ipam/figures.js';
import type { NodeNetwork } from '../../../openapi/podnet-api.js';
import type { IpamFigures } from '../../store/ipam/ipam-figures.js';
import type { Column } from './resource.js';

const figureReading = (family: string): IpamFigure | undefined => IPAM_FIGURES.find(({ reads }) => reads === family);
const ASSIGNED = figureReading('awscni_assigned_ip_addresses');
const TOTAL = figureReading('awscni_total_ip_addresses');
const MAXIMUM = figureReading('awscni_ip_max');
const ENIS_ALLOCATED = figureReading('awscni_eni_allocated');
const ENIS_MAXIMUM = figureReading('awscni_eni_max');

/** The IP addresses of a node, where all of it is known that an address count needs; nothing of what nobody tells at present. */
export function addressesOf(ipam: IpamFigures, node: string, nowMs: number): Pick<NodeNetwork, 'ipAddresses'> {
  const valueOf = (figure: IpamFigure | undefined): number | undefined =>
    // None of these is a rate: there is no window.
    figure && ipam.ofNode(node, figure, 0, nowMs)?.value;
  const countOf = (figure: IpamFigure | undefined): number | undefined => countOrNothing(valueOf(figure));
  const [assigned, total, maximum, free] = [ASSIGNED, TOTAL, MAXIMUM, FREE].map(countOf);
  if (assigned === undefined || total === undefined || maximum === undefined || free === undefined) return {};
  const [enisAllocated, enisMaximum] = [ENIS_ALLOCATED, ENIS_MAXIMUM].map(countOf);
  // Rounded down: no time is promised that is not there.
  const exhaustionSeconds = countOrNothing(Math.floor(valueOf(EXHAUSTION) ?? NaN));
  return {
    ipAddresses: {
      ...{ assigned, total, maximum, free },
      ...(exhaustionSeconds !== undefined && { exhaustionSeconds }),
      ...(enisAllocated !== undefined && { enisAllocated }),
      ...(enisMaximum !== undefined && { enisMaximum }),
    },
  };
}

/** What ipamd tells is any number: one that counts nothing is not told. */
function countOrNothing(value: number | undefined): number | undefined {
  return value !== undefined && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

export function addressColumns(): Column<NodeNetwork>[] {
  return [
    {
      ...{ name: 'IPs', priority: 0 },
      description: 'IP addresses that pods have, of those that the node can have.',
      cell: ({ object: { ipAddresses: ips } }) => (ips === undefined ? null : `${ips.assigned}/${ips.maximum}`),
    },
    {
      ...{ name: 'ENIs', priority: 1 },
      description: 'Network interfaces (ENIs) that the node has, of those that it can have.',
      cell: ({ object: { ipAddresses: { enisAllocated, enisMaximum } = {} } }) =>
        enisAllocated === undefined || enisMaximum === undefined ? null : `${enisAllocated}/${enisMaximum}`,
    },
  ];
}
