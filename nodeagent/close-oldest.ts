import type { Server, Socket } from 'node:net';

/**
 * Bounds the open connections of a server, at the cost of the oldest: Node's maxConnections would close the newest, and whoever holds the
 * others open would have the server for himself.
 */
export function closeOldestBeyond(connections: number, server: Server): void {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    const [oldest] = open;
    if (open.size > connections) oldest?.destroy();
  });
}
