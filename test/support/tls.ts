import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import {
  followCertificate,
  tlsServerOptions,
  type ServingCertificate,
} from '../../apiserver/tls/serving-certificate.js';

export interface TlsServer {
  readonly port: number;
  /** Of TLS connections so far. */
  readonly connections: number;
  /** Fingerprints of the certificates that clients showed. */
  readonly clients: readonly string[];
  close(): Promise<void>;
}

/** HTTP/2 and HTTP/1.1 on one port of loopback, with whatever certificate is current. */
export async function serveWith(certificate: ServingCertificate): Promise<TlsServer> {
  let connections = 0;
  const clients: string[] = [];
  const server = createSecureServer(
    { ...tlsServerOptions(certificate.current()), allowHTTP1: true },
    (_request, response) => response.end('ok'),
  );
  server.on('secureConnection', (socket: TLSSocket) => {
    connections++;
    const shown = socket.getPeerX509Certificate();
    if (shown !== undefined) clients.push(shown.fingerprint256);
  });
  followCertificate(server, certificate);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    clients,
    get connections() {
      return connections;
    },
    close: async () => {
      server.close();
      await Promise.race([once(server, 'close'), new Promise((resolve) => setTimeout(resolve, 500).unref())]);
    },
  };
}

/**
 * A new connection, as kube-apiserver makes it.
 * @returns the fingerprint of the server's certificate
 */
export async function handshake(
  port: number,
  ca: string,
  servername = 'podnet-apiserver.podnet-system.svc',
  client: { readonly cert?: string; readonly key?: string } = {},
): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, ca, servername, ...client });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  const closed = once(socket.resume(), 'close'); // by then the server has seen what the client showed
  socket.end();
  await closed;
  return fingerprint256;
}
