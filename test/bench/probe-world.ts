import { once } from 'node:events';
import { createServer } from 'node:net';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { startDnsServer, ZONE } from '../support/dns-server.js';
import { startNtpServer } from '../support/ntp-server.js';
import { ProbeBed } from '../support/probe-bed.js';
import { whyMissing } from '../support/requirements.js';
import { withinNetns } from '../support/within-netns.js';
import type { Driven, Task } from './probe-driver.js';

const PREFIX = 'pnbp';
const PORT = 9_809;
const SECOND_HOST = 'second.podnet.test.';
const DRIVER = fileURLToPath(new URL('./probe-driver.js', import.meta.url));

/** What there is to be probed: nodes that can be dialled, a DNS server, and a time server where chrony is installed. */
export class ProbeWorld {
  readonly bed: ProbeBed;
  /** Both have an A and an AAAA record. */
  readonly hosts = [ZONE.both, SECOND_HOST];
  readonly dnsServer: string;
  /** Undefined: there is none, for want of chrony. */
  readonly ntpServer: string | undefined;
  readonly #targets: readonly string[];
  readonly #close: (() => Promise<unknown>)[] = [];

  /** @param targets how many nodes to dial; @param probers nodes that probe */
  static async create(targets: number, probers: readonly string[]): Promise<ProbeWorld> {
    const names = Array.from({ length: targets }, (_, i) => `target-${i}`);
    const bed = await ProbeBed.create(PREFIX, { nodes: ['servers', ...names, ...probers] });
    const world = new ProbeWorld(bed, names);
    try {
      await world.#start();
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  private constructor(bed: ProbeBed, targets: readonly string[]) {
    this.bed = bed;
    this.#targets = targets;
    this.dnsServer = `${ipv4Of(bed, 'servers')}:53`;
    this.ntpServer = whyMissing('chronyd') === false ? ipv4Of(bed, 'servers') : undefined;
    this.#close.push(() => bed[Symbol.asyncDispose]());
  }

  /** Addresses and ports of the nodes to dial, by their names. */
  get targets(): ReadonlyMap<string, string> {
    return new Map(this.#targets.map((name) => [name, this.addressOf(name)]));
  }

  /** Where a node is dialled. */
  addressOf(node: string): string {
    return `${ipv4Of(this.bed, node)}:${PORT}`;
  }

  /** From now on who dials one of the targets waits in vain. */
  silence(): void {
    for (const name of this.#targets) this.bed.drop(name);
  }

  async close(): Promise<void> {
    for (const close of this.#close.reverse()) await close();
  }

  async #start(): Promise<void> {
    const { bed } = this;
    for (const name of this.#targets) {
      const server = withinNetns(`/run/netns/${bed.netns(name)}`, () =>
        createServer((socket) => socket.on('error', () => undefined).resume()).listen(PORT),
      );
      await once(server, 'listening');
      this.#close.push(() => Promise.resolve(server.close()));
    }
    const place = { address: ipv4Of(bed, 'servers'), netns: bed.netns('servers') };
    const flags = [`--host-record=${SECOND_HOST.slice(0, -1)},192.0.2.3,2001:db8::3`];
    const dns = await startDnsServer({ ...place, port: 53, flags });
    this.#close.push(() => dns.stop());
    if (this.ntpServer === undefined) return;
    const ntp = await startNtpServer({ stratum: 3, addresses: [place.address], netns: place.netns });
    this.#close.push(() => ntp.stop());
  }
}

function ipv4Of(bed: ProbeBed, node: string): string {
  return bed.addresses(node).ipv4 ?? '';
}

/** Does tasks on a node of a bed, for as long as there is the bed. @returns what came of them so far, to within a second */
export function startDriver(bed: ProbeBed, node: string, tasks: readonly Task[]): () => Driven {
  const driver = bed.start(node, process.execPath, DRIVER);
  driver.child.stdin.end(JSON.stringify(tasks));
  return () => {
    if (driver.child.exitCode !== null) throw new Error(`the driver ended: ${driver.error()}`);
    const [, last = '{}'] = /(.*)\n$/.exec(driver.out()) ?? [];
    return JSON.parse(last) as Driven;
  };
}
