import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Stands between a client and a server on loopback, and can go silent as a path does whose other end is lost, or refuse as a host does. */
export interface FreezingProxy {
  readonly port: number;
  /** On the connections that there are nothing passes any more, and none is closed. New ones work. */
  freeze(): void;
  /** Nobody listens any more, and what was open is cut. */
  refuse(): Promise<void>;
  /** On the same port again. */
  listen(): Promise<void>;
  close(): Promise<void>;
}

export async function createFreezingProxy(targetPort: number): Promise<FreezingProxy> {
  const sockets = new Set<Socket>();
  let port = 0;
  let server: Server | undefined;
  const relay = (incoming: Socket): void => {
    const outgoing = connect(targetPort, '127.0.0.1');
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => sockets.delete(from));
      from.pipe(to);
    }
  };
  const listen = async (): Promise<void> => {
    server = createServer(relay);
    await once(server.listen(port, '127.0.0.1'), 'listening');
    port = (server.address() as AddressInfo).port;
  };
  const refuse = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    if (closing === undefined) return;
    const closed = once(closing, 'close');
    closing.close();
    sockets.forEach((socket) => socket.destroy());
    await closed;
  };
  await listen();
  return {
    get port() {
      return port;
    },
    freeze: () => sockets.forEach((socket) => socket.unpipe().pause()),
    refuse,
    listen,
    close: refuse,
  };
}
