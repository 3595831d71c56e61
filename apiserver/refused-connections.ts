import { Counter, type Registry } from 'prom-client';
import type { Clock } from '../runtime/clock.js';
import { LogLimit } from '../runtime/log-limit.js';
import type { Logger } from '../runtime/logger.js';
import { REFUSAL_REASONS, type RefusedConnection } from './http/limit-connections.js';

const LOGGED_PER_SECOND = 1;
const WHY = {
  server: 'a connection was closed: as many are open as the server takes',
  address: 'a connection was closed: its address has --max-connections-per-address open',
} as const;

export function createRefusedConnections(registry: Registry): Counter<'reason'> {
  const counter = new Counter({
    name: 'podnet_apiserver_connections_refused_total',
    help: 'Connections closed unanswered: their address had as many open as --max-connections-per-address says (address), or all clients together had as many as the server takes (server).',
    labelNames: ['reason'],
    registers: [registry],
  });
  for (const reason of REFUSAL_REASONS) counter.inc({ reason }, 0);
  return counter;
}

/** Counts what was refused, and logs some of it for each reason. */
export function tellRefused(
  counter: Counter<'reason'>,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): (refused: RefusedConnection) => void {
  const limit = (): LogLimit => new LogLimit(clock, LOGGED_PER_SECOND);
  // one each: an address that is refused all the time hides nothing about the server
  const logLimits = { server: limit(), address: limit() };
  return ({ reason, address }) => {
    counter.inc({ reason });
    if (logLimits[reason].take()) log.warn({ address }, WHY[reason]);
  };
}
