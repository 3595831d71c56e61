import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';

/** Runs ip of iproute2. */
export function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

const PORT = 9_999;
/** Takes what comes: a port that nobody listens on would answer with ICMP, which would be counted. */
const SINK = `require('node:dgram').createSocket('udp4').on('message', () => {}).bind(${PORT}, () => console.log('ready'))`;

interface Link {
  readonly network: string;
  readonly interfaceName: string;
  readonly address: string;
  readonly mac: string;
}

/**
 * Pods as network namespaces with veth pairs into bridges, one bridge a network. IPv6 is off and neighbours are told, so that
 * nothing but what a test sends crosses a link: counted UDP is exact.
 */
export class Testbed {
  readonly #prefix: string;
  readonly #networks: readonly string[];
  readonly #pods = new Map<string, { readonly links: readonly Link[]; readonly process: ChildProcess }>();
  #made = 0;

  /** @param prefix short, and no other test's */
  constructor(prefix: string, networks: readonly string[]) {
    this.#prefix = prefix;
    this.#networks = networks;
    networks.forEach((_, n) => {
      ip('link', 'add', this.#bridge(n), 'type', 'bridge', 'mcast_snooping', '0'); // it would send IGMP of its own
      execFileSync('sysctl', ['-qw', `net.ipv6.conf.${this.#bridge(n)}.disable_ipv6=1`]);
      ip('link', 'set', this.#bridge(n), 'up');
    });
  }

  /** Name of the namespace of a pod, and so of the pod. */
  podName(pod: string): string {
    return `${this.#prefix}-${pod}`;
  }

  /** Adds a pod with one interface for each network: eth0, net1, net2, … and a process that holds it. */
  async addPod(pod: string): Promise<void> {
    const number = ++this.#made;
    const netns = this.podName(pod);
    ip('netns', 'add', netns);
    this.exec(pod, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1');
    ip('-n', netns, 'link', 'set', 'lo', 'up');
    const links = this.#networks.map((network, n): Link => {
      const link = {
        network,
        interfaceName: n === 0 ? 'eth0' : `net${n}`,
        address: `10.250.${n}.${number}`,
        mac: `02:00:00:00:0${n}:${number.toString(16).padStart(2, '0')}`,
      };
      this.#addLink(netns, `${this.#prefix}${number}n${n}`, { link, bridge: this.#bridge(n) });
      return link;
    });
    ip('-n', netns, 'route', 'add', 'default', 'dev', 'eth0');
    for (const { links: others } of this.#pods.values()) this.#introduce(netns, others);
    for (const other of this.#pods.keys()) this.#introduce(this.podName(other), links);
    const child = spawn('ip', ['netns', 'exec', netns, process.execPath, '-e', SINK], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    this.#pods.set(pod, { links, process: child });
  }

  /** Takes the interface of a network out of a pod and puts a new one of the same name in its place. */
  replaceInterface(pod: string, network: string): void {
    const link = this.#link(pod, network);
    const netns = this.podName(pod);
    ip('-n', netns, 'link', 'del', link.interfaceName);
    this.#addLink(netns, `${this.#prefix}r${++this.#made}`, {
      link,
      bridge: this.#bridge(this.#networks.indexOf(network)),
    });
    for (const { links } of this.#pods.values()) this.#introduce(netns, links);
  }

  removeInterface(pod: string, network: string): void {
    ip('-n', this.podName(pod), 'link', 'del', this.#link(pod, network).interfaceName);
  }

  async removePod(pod: string): Promise<void> {
    const found = this.#pods.get(pod);
    if (found === undefined) return;
    this.#pods.delete(pod);
    const ended = once(found.process, 'exit');
    found.process.kill('SIGKILL');
    await ended;
    ip('netns', 'del', this.podName(pod));
  }

  /** Sends datagrams from one pod to another over a network. Each is `payload` + 42 bytes on the link. */
  send(
    from: string,
    to: string,
    { network, count, payload }: { network: string; count: number; payload: number },
  ): void {
    const script = `
      const socket = require('node:dgram').createSocket('udp4');
      const [address, count, payload] = process.argv.slice(1);
      const data = Buffer.alloc(Number(payload));
      (async () => {
        for (let i = 0; i < Number(count); i++) await new Promise((resolve) => socket.send(data, ${PORT}, address, resolve));
        socket.close();
      })();`;
    const { address } = this.#link(to, network);
    this.exec(from, process.execPath, '-e', script, address, String(count), String(payload));
  }

  exec(pod: string, ...command: readonly string[]): string {
    return ip('netns', 'exec', this.podName(pod), ...command);
  }

  async close(): Promise<void> {
    for (const pod of [...this.#pods.keys()]) await this.removePod(pod);
    this.#networks.forEach((_, n) => ip('link', 'del', this.#bridge(n)));
  }

  #addLink(netns: string, host: string, { link, bridge }: { link: Link; bridge: string }): void {
    ip('link', 'add', host, 'type', 'veth', 'peer', 'name', link.interfaceName, 'address', link.mac, 'netns', netns);
    execFileSync('sysctl', ['-qw', `net.ipv6.conf.${host}.disable_ipv6=1`]);
    ip('link', 'set', host, 'master', bridge, 'up');
    execFileSync('bridge', ['fdb', 'replace', link.mac, 'dev', host, 'master', 'static']); // an address not learnt yet would be flooded
    ip('-n', netns, 'addr', 'add', `${link.address}/24`, 'dev', link.interfaceName);
    ip('-n', netns, 'link', 'set', link.interfaceName, 'up');
  }

  /** ARP would be counted, so neighbours are told. */
  #introduce(netns: string, links: readonly Link[]): void {
    for (const { interfaceName, address, mac } of links) {
      ip('-n', netns, 'neigh', 'replace', address, 'lladdr', mac, 'dev', interfaceName, 'nud', 'permanent');
    }
  }

  #link(pod: string, network: string): Link {
    const link = this.#pods.get(pod)?.links.find((one) => one.network === network);
    if (link === undefined) throw new TypeError(`no ${network} in ${pod}`);
    return link;
  }

  #bridge(n: number): string {
    return `${this.#prefix}br${n}`;
  }
}
