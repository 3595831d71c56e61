import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIP, isIPv6 } from 'node:net';
import { errorMessage } from '../../runtime/logger.js';
import type { Cluster } from './cluster.js';
import { listAt, textAt } from './json.js';

/** The unspecified address is what k3d writes into a kubeconfig. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|0\.0\.0\.0|::)$/;
/** Nothing is sent: connecting a UDP socket only asks the routing table. */
const ANY_PORT = 9;

/**
 * By which address the control plane reaches this machine.
 *
 * An API server on loopback runs here, unless it has Nodes elsewhere: those of kind and its like sit behind a bridge of this machine,
 * and only their port is forwarded.
 */
export async function ownAddress(server: URL, cluster: Cluster): Promise<string> {
  const host = server.hostname.replace(/^\[(.*)\]$/, '$1');
  if (!LOOPBACK.test(host)) return addressTowards(host);
  const node = await firstNodeAddress(cluster);
  return node === undefined ? 'localhost' : addressTowards(node);
}

/** The address that this machine has in the eyes of another one. */
async function addressTowards(host: string): Promise<string> {
  const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4' });
  try {
    socket.connect(ANY_PORT, host);
    await once(socket, 'connect');
    return socket.address().address;
  } catch (error) {
    const why = errorMessage(error);
    throw new TypeError(`cannot tell by which address ${host} reaches this machine: ${why}; give --address`, {
      cause: error,
    });
  } finally {
    socket.close();
  }
}

/** Nodes without a kubelet have no address that leads anywhere. */
async function firstNodeAddress(cluster: Cluster): Promise<string | undefined> {
  const nodes = await cluster.list('/api/v1/nodes?limit=500');
  const addresses = nodes.flatMap((node) => listAt(node, 'status', 'addresses'));
  const internal = addresses.filter((one) => textAt(one, 'type') === 'InternalIP').map((one) => textAt(one, 'address'));
  return internal.find((address) => isIP(address) !== 0 && !LOOPBACK.test(address));
}

/** How the API server is told where this machine is. */
export type Exposure = 'external-name' | 'endpoint-slice';

/**
 * A Service of type ExternalName is dialled by the API server itself: no endpoints are looked for and no kube-proxy is needed beside it,
 * which a bare control plane does not have. An IPv4 address will do, since Go dials what reads like one; with its colons an IPv6 address
 * is no valid name, and needs a Service with an EndpointSlice.
 */
export function exposureOf(address: string, wanted: 'auto' | Exposure): Exposure {
  if (wanted !== 'auto') return wanted;
  return isIPv6(address) ? 'endpoint-slice' : 'external-name';
}
