import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { run, type Run } from './bundle.js';

/** What the server knows. It refuses (rcode REFUSED) whatever is not under podnet.test. */
export const ZONE = {
  both: 'both.podnet.test.',
  ipv4Only: 'ipv4.podnet.test.',
  ipv6Only: 'ipv6.podnet.test.',
  /** Exists, without an address. */
  noAddress: 'text.podnet.test.',
  absent: 'absent.podnet.test.',
  foreign: 'example.com.',
} as const;

const FLAGS = [
  ...['--keep-in-foreground', '--log-facility=-', '--conf-file=/dev/null', '--pid-file=', '--bind-interfaces'],
  ...['--no-resolv', '--no-hosts', '--local=/podnet.test/'],
  '--host-record=both.podnet.test,192.0.2.1,2001:db8::1',
  '--host-record=ipv4.podnet.test,192.0.2.2',
  '--host-record=ipv6.podnet.test,2001:db8::2',
  '--txt-record=text.podnet.test,no address',
];

/** A real DNS server over UDP and TCP, dnsmasq: needs what missing('dnsmasq') is about. */
export interface DnsServer {
  readonly address: string;
  readonly port: number;
  /** Nobody listens on its port any more. Nothing happens where it is stopped. */
  stop(): Promise<void>;
  /** After stop(), on the same address and port. Resolves when it answers. */
  start(): Promise<void>;
  /** It answers no more, and its sockets stay. */
  freeze(): void;
  thaw(): void;
}

export interface DnsServerPlace {
  readonly address: string;
  /** One that is free over UDP and TCP. */
  readonly port: number;
  /** Network namespace that it runs in, by its name of `ip netns`; root and iproute2 are needed for that. */
  readonly netns?: string;
  /** More flags of dnsmasq(8). */
  readonly flags?: readonly string[];
}

/**
 * Starts a server; resolves when it listens.
 * @throws {Error} with what dnsmasq says, when it ends instead
 */
export async function startDnsServer(place: DnsServerPlace): Promise<DnsServer> {
  const { address, port } = place;
  let server = await launch(place);
  return {
    address,
    port,
    stop: async () => {
      server.child.kill('SIGTERM');
      server.child.kill('SIGCONT'); // a frozen one hears of the first after this only
      await server.ended;
    },
    start: async () => {
      server = await launch(place);
    },
    freeze: () => void server.child.kill('SIGSTOP'),
    thaw: () => void server.child.kill('SIGCONT'),
  };
}

/** Free over UDP and TCP. */
export async function freeDnsPort(address: string): Promise<number> {
  for (;;) {
    const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4').bind(0, address);
    await once(udp, 'listening');
    const { port } = udp.address();
    const tcp = createServer().listen(port, address);
    const isFree = await once(tcp, 'listening').then(
      () => true,
      () => false,
    );
    tcp.close();
    udp.close();
    if (isFree) return port;
  }
}

async function launch({ address, port, netns, flags = [] }: DnsServerPlace): Promise<Run> {
  const command = ['dnsmasq', ...FLAGS, `--listen-address=${address}`, `--port=${port}`, ...flags];
  // `ip netns exec` becomes the program, so that signals reach it
  const [program = '', ...args] = netns === undefined ? command : ['ip', 'netns', 'exec', netns, ...command];
  const server = run(program, args);
  while (!server.error().includes('started')) {
    const ended = await Promise.race([server.ended, once(server.child.stderr, 'data')]);
    if (!Array.isArray(ended)) throw new Error(`dnsmasq ended (${ended}): ${server.error()}`);
  }
  return server;
}
