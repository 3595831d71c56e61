import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import process from 'node:process';
import { run, type Run } from './bundle.js';
import { DelayRelay } from './delay-relay.js';
import { ip } from './netns.js';
import { withinNetns } from './within-netns.js';

export interface ProbeBedOptions {
  /** One namespace each. */
  readonly nodes: readonly string[];
  /** With `ipv6` there is no IPv4 address anywhere, that of loopback included. */
  readonly families?: 'both' | 'ipv6';
  /** Each is an interface of every node: eth0, and net1 on the second. */
  readonly networks?: 1 | 2;
  /** The node whose eth0 can be delayed. */
  readonly relayed?: string;
}

export interface Addresses {
  readonly ipv4: string | undefined;
  readonly ipv6: string;
}

/** How a node says no: the ICMP message that whoever connects gets, in the words of iptables and of ip6tables. */
const REJECTIONS = {
  refused: ['icmp-port-unreachable', 'icmp6-port-unreachable'],
  unreachable: ['icmp-host-unreachable', 'icmp6-addr-unreachable'],
} as const;
export type Rejection = keyof typeof REJECTIONS;

/** Nothing is to be waited for or answered slowly but what a test asks for. */
const SETTINGS = [
  'net.ipv6.conf.default.accept_dad=0',
  'net.ipv6.conf.default.router_solicitations=0',
  'net.ipv4.icmp_ratelimit=0', // of a dozen connections in a second each is to be rejected
  'net.ipv6.icmp.ratelimit=0',
];

/** Nodes as network namespaces, joined by a bridge for each network, which has a namespace of its own. They go with their scope. */
export class ProbeBed implements AsyncDisposable {
  readonly nodes: readonly string[];
  readonly families: 'both' | 'ipv6';
  readonly #prefix: string;
  readonly #made: string[] = [];
  readonly #started: Run[] = [];
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #relay: DelayRelay | undefined;

  /** @param prefix no other test's */
  static async create(prefix: string, options: ProbeBedOptions): Promise<ProbeBed> {
    const bed = new ProbeBed(prefix, options);
    try {
      await bed.#make(options);
      return bed;
    } catch (error) {
      await bed[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(prefix: string, { nodes, families = 'both' }: ProbeBedOptions) {
    this.#prefix = `${prefix}-${process.pid}`; // the same test may be running twice on a machine
    this.nodes = nodes;
    this.families = families;
  }

  /** Name of the namespace of a node. */
  netns(node: string): string {
    return `${this.#prefix}-${node}`;
  }

  /** @param network 0 for eth0, 1 for net1 */
  addresses(node: string, network = 0): Addresses {
    const number = this.nodes.indexOf(node) + 1;
    if (number === 0) throw new TypeError(`no node ${node}`);
    const ipv4 = this.families === 'both' ? `10.252.${network + 1}.${number}` : undefined;
    return { ipv4, ipv6: `fd00:252:${network + 1}::${number.toString(16)}` };
  }

  /** Runs a command on a node, and waits for its end. @returns what it printed */
  exec(node: string, ...command: readonly string[]): string {
    return ip('netns', 'exec', this.netns(node), ...command);
  }

  /** Starts a command on a node; it is killed with the bed, if it is there still. */
  start(node: string, ...command: readonly string[]): Run {
    const started = run('ip', ['netns', 'exec', this.netns(node), ...command]);
    this.#started.push(started);
    return started;
  }

  /** Whoever connects to a port of a node, on any of its addresses, is connected to one of this machine's 127.0.0.1. */
  async forward(node: string, port: number, targetPort: number): Promise<void> {
    const server = withinNetns(`/run/netns/${this.netns(node)}`, () =>
      createServer((incoming) => this.#join(incoming, connect(targetPort, '127.0.0.1'))).listen(port),
    );
    await once(server, 'listening');
    this.#servers.push(server);
  }

  /** Frames of the relayed node take so long each way; the round trip is twice that. */
  async setDelayMs(oneWayMs: number): Promise<void> {
    if (this.#relay === undefined) throw new TypeError('no node is relayed');
    await this.#relay.setDelayMs(oneWayMs);
  }

  /**
   * Cuts a node off: what comes to it is lost, answers to what it sends as well. Neighbours are found all the same.
   * @param network undefined for every one
   */
  drop(node: string, network?: number): void {
    this.#filter(node, network, (ip6) => [...(ip6 ? ['!', '-p', 'ipv6-icmp'] : []), '-j', 'DROP']);
  }

  /**
   * A node rejects TCP connections; its own to others work. From a node that is not relayed the ICMP message may be there before connect()
   * lets go of its socket: then the kernel minds that of the next SYN, a second later (Linux net/ipv4/tcp_ipv4.c, tcp_v4_err).
   */
  reject(node: string, how: Rejection): void {
    const [message, message6] = REJECTIONS[how];
    this.#filter(node, undefined, (ip6) => [
      ...'-p tcp --syn -j REJECT --reject-with'.split(' '),
      ip6 ? message6 : message,
    ]);
  }

  /** Takes back what {@link drop} and {@link reject} did to a node. */
  undo(node: string): void {
    for (const program of ['iptables', 'ip6tables']) this.exec(node, program, '-w', '-F', 'INPUT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.#started) child.kill('SIGKILL'); // one that has ended is left alone
    await Promise.all(this.#started.map(({ ended }) => ended));
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) await once(server.close(), 'close');
    await this.#relay?.[Symbol.asyncDispose]();
    for (const name of this.#made) ip('netns', 'del', name);
  }

  async #make({ networks = 1, relayed }: ProbeBedOptions): Promise<void> {
    for (const name of ['bridge', ...this.nodes]) this.#addNetns(name);
    for (let network = 0; network < networks; network++) {
      // With snooping it would have to learn first who wants neighbour solicitations.
      ip(...this.#at('bridge'), 'link', 'add', `br${network}`, 'type', 'bridge', 'mcast_snooping', '0');
      ip(...this.#at('bridge'), 'link', 'set', `br${network}`, 'up');
      for (const node of this.nodes) {
        await this.#plug(node, network, node === relayed && network === 0);
      }
    }
  }

  #addNetns(name: string): void {
    ip('netns', 'add', this.netns(name));
    this.#made.push(this.netns(name));
    this.exec(name, 'sysctl', '-qw', ...SETTINGS);
    ip(...this.#at(name), 'link', 'set', 'lo', 'up');
    if (this.families === 'ipv6') ip(...this.#at(name), 'addr', 'del', '127.0.0.1/8', 'dev', 'lo');
  }

  async #plug(node: string, network: number, isRelayed: boolean): Promise<void> {
    const name = interfaceOf(network);
    const port = `${node}n${network}`;
    if (isRelayed) {
      const end = (of: string) => `/run/netns/${this.netns(of)}`;
      this.#relay = await DelayRelay.start({ netns: end(node), name }, { netns: end('bridge'), name: port });
    } else {
      const peer = ['type', 'veth', 'peer', 'name', name, 'netns', this.netns(node)];
      ip(...this.#at('bridge'), 'link', 'add', port, ...peer);
    }
    ip(...this.#at('bridge'), 'link', 'set', port, 'master', `br${network}`, 'up');
    const { ipv4, ipv6 } = this.addresses(node, network);
    if (ipv4 !== undefined) ip(...this.#at(node), 'addr', 'add', `${ipv4}/24`, 'dev', name);
    ip(...this.#at(node), 'addr', 'add', `${ipv6}/64`, 'dev', name, 'nodad');
    ip(...this.#at(node), 'link', 'set', name, 'up');
  }

  #at(name: string): readonly ['-n', string] {
    return ['-n', this.netns(name)];
  }

  #filter(node: string, network: number | undefined, rule: (ip6: boolean) => readonly string[]): void {
    const from = network === undefined ? ['!', '-i', 'lo'] : ['-i', interfaceOf(network)];
    for (const program of ['iptables', 'ip6tables']) {
      this.exec(node, program, '-w', '-I', 'INPUT', ...from, ...rule(program === 'ip6tables'));
    }
  }

  #join(incoming: Socket, outgoing: Socket): void {
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroySoon();
      });
      from.pipe(to);
    }
  }
}

function interfaceOf(network: number): string {
  return network === 0 ? 'eth0' : `net${network}`;
}
