import { Compile } from 'typebox/compile';
import { IpamSourceReport } from '../../openapi/ipam-report.js';
import type { AcceptedReport } from '../store/report.js';
import { checkEach } from './check-each.js';
import type { Rejections } from './rejections.js';

const SOURCE = Compile(IpamSourceReport);

export interface IpamContext {
  readonly role: AcceptedReport['role'];
  /** On the node's clock. */
  readonly sentAt: number;
  readonly rejections: Rejections;
}

/** What a report says of IP addresses, source by source. */
export function checkIpam(
  entries: readonly unknown[] | undefined,
  { role, rejections }: IpamContext,
): readonly IpamSourceReport[] | undefined {
  if (entries === undefined) return undefined;
  if (role !== 'node') {
    rejections.add('ipam', 'bad_ipam', `an agent of role ${role} does not read IP address management`);
    return undefined;
  }
  return checkEach(
    entries,
    { path: 'ipam', reason: 'bad_ipam', validator: SOURCE, keyOf: ({ name }) => name, keep: (source) => source },
    rejections,
  );
}
