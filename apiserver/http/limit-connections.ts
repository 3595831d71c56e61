import type { DropArgument, Server, Socket } from 'node:net';
import { unmappedAddress } from '../../runtime/remote-address.js';
import type { Limits } from './limits.js';

/** Whose the connections are that leave no room: everybody's, or those of the one address. */
export const REFUSAL_REASONS = ['server', 'address'] as const;
export interface RefusedConnection {
  readonly reason: (typeof REFUSAL_REASONS)[number];
  readonly address: string;
}

/**
 * Closes a connection that is one too many, unanswered and before its handshake costs anything. For a server whose every listener for
 * connections is there by now.
 *
 * A client is an address, of IPv6 as well: nodes of a cluster often share a /64, and to take that for one client would keep most agents out.
 */
export function limitConnections(
  server: Server,
  { connections, connectionsPerAddress }: Pick<Limits, 'connections' | 'connectionsPerAddress'>,
  onRefused: (refused: RefusedConnection) => void,
): void {
  server.maxConnections = connections;
  server.on('drop', (dropped?: DropArgument) =>
    onRefused({ reason: 'server', address: unmappedAddress(dropped?.remoteAddress ?? '') }),
  );
  if (connectionsPerAddress === 0) return;
  const open = new Map<string, number>();
  const leave = (address: string): void => {
    const left = (open.get(address) ?? 0) - 1;
    if (left > 0) open.set(address, left);
    else open.delete(address);
  };
  const listeners = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    // One that was reset before it was accepted has none any more: what is left of those counts as one client.
    const address = unmappedAddress(socket.remoteAddress ?? '');
    const count = open.get(address) ?? 0;
    if (count >= connectionsPerAddress) {
      socket.destroy();
      onRefused({ reason: 'address', address });
      return;
    }
    open.set(address, count + 1);
    socket.once('close', () => leave(address));
    for (const listener of listeners) Reflect.apply(listener, server, [socket]);
  });
}
