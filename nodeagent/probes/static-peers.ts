import { isIP } from 'node:net';
import { renderHostPort, type HostPort } from '../../runtime/options/kinds.js';
import { isLabelValue, isNetworkName, isObjectName } from '../inventory/report-names.js';
import { DEFAULT_NETWORK, type Peer, type PeerSource } from './peers.js';
import { familyOf, parseServer, type Family } from './server-address.js';

export interface StaticPeers {
  /** Ordered by node. */
  readonly peers: Peer[];
  /** Each completes "--dial.peers: ", and names the entry and the way out. */
  readonly errors: string[];
}

interface Entry {
  readonly node: string;
  /** Undefined where none is said. */
  readonly zone: string | undefined;
  readonly network: string;
  readonly address: HostPort;
}

interface OpenPeer {
  readonly node: string;
  zone: string | undefined;
  readonly addresses: Map<string, HostPort[]>;
}

/** Of one address each: more nodes than a cluster has. */
const MAX_ENTRIES = 10_000;
/** Whoever sees these knows what is wrong. */
const MAX_ERRORS = 20;
const FORM = '<node>[/<zone>][@<network>]=<host>[:<port>]';

/**
 * Parses `--dial.peers`: entries `<node>[/<zone>][@<network>]=<host>[:<port>]`, several of them for a node with several networks or
 * families. A host that is a name stays one, and is all that its node has on that network: which families it has is seen when it is dialled.
 * @param usualPort where an entry says none; 0: each has to say its own
 */
export function parseStaticPeers(texts: readonly string[], usualPort: number): StaticPeers {
  if (texts.length > MAX_ENTRIES) {
    const errors = [
      `must have no more than ${MAX_ENTRIES} entries, not ${texts.length}: list them by a --dial.service`,
    ];
    return { peers: [], errors };
  }
  const errors: string[] = [];
  const open = new Map<string, OpenPeer>();
  /** Nodes by the network and address that they are at. */
  const owners = new Map<string, string>();
  for (const text of texts) {
    const entry = parseEntry(text, usualPort);
    const problem = typeof entry === 'string' ? entry : add(entry, open, owners);
    if (problem !== undefined) errors.push(`${problem}, not "${text}"`);
  }
  const peers = [...open.values()]
    .sort((a, b) => (a.node < b.node ? -1 : 1))
    .map(({ node, zone = '', addresses }) => ({ node, zone, addresses, isStarted: true }));
  const more = errors.length - MAX_ERRORS;
  return { peers, errors: more > 0 ? [...errors.slice(0, MAX_ERRORS), `${more} more entries are no good`] : errors };
}

/** @returns a text for what it must be and is not */
function parseEntry(text: string, usualPort: number): Entry | string {
  const [, node = '', zone, network = DEFAULT_NETWORK, host = ''] =
    /^([^/@=]*)(?:\/([^/@=]*))?(?:@([^/@=]*))?=(.*)$/s.exec(text) ?? [];
  if (!isObjectName(node)) return `must be ${FORM}, with the name of a node`;
  if (zone !== undefined && (zone === '' || !isLabelValue(zone))) {
    return `must be ${FORM}, with a zone as in the label of a node, or without "/"`;
  }
  if (network === '' || !isNetworkName(network)) return `must be ${FORM}, with the name of a network, or without "@"`;
  const server = parseServer(host, usualPort);
  if (server !== undefined) return { node, zone, network, address: { host: server.host, port: server.port } };
  const lacksPort = usualPort === 0 && parseServer(host, 1) !== undefined;
  if (lacksPort) return `must be ${FORM}, with a port, as --probe-listen-address has none`;
  return `must be ${FORM}, with an address or a name (IPv6 with a port in brackets) and a port from 1 to 65535`;
}

/** @returns what it must be and is not */
function add({ node, zone, network, address }: Entry, open: Map<string, OpenPeer>, owners: Map<string, string>) {
  const peer = open.get(node) ?? { node, zone, addresses: new Map<string, HostPort[]>() };
  if (zone !== undefined && peer.zone !== undefined && zone !== peer.zone) {
    return `must give node ${node} one zone, as before "${peer.zone}"`;
  }
  const shown = renderHostPort(address);
  const owner = owners.get(`${network}=${shown}`);
  if (owner !== undefined && owner !== node) {
    return `must have an address of its own on network ${network}: ${shown} is node ${owner}`;
  }
  const there = peer.addresses.get(network) ?? [];
  const other = there.find(({ host }) => isEither(kindOf(host), kindOf(address.host)));
  if (other !== undefined) {
    return `must be the only entry of its family for node ${node} on network ${network}, or of any where a host is a name: there is ${renderHostPort(other)}`;
  }
  peer.zone ??= zone;
  peer.addresses.set(network, [...there, address]);
  owners.set(`${network}=${shown}`, node);
  open.set(node, peer);
  return undefined;
}

function kindOf(host: string): Family | 'name' {
  return isIP(host) === 0 ? 'name' : familyOf(host);
}

/** Whether there is room for only one of the two. A name may come to any family. */
function isEither(one: Family | 'name', other: Family | 'name'): boolean {
  return one === other || one === 'name' || other === 'name';
}

/** Those of the flags: always there, and expected to answer. */
export function createStaticPeers(peers: readonly Peer[]): PeerSource {
  const list = { peers };
  return { list: () => list, isLive: () => true, internalErrors: 0, close: () => Promise.resolve() };
}
