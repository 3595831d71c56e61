import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { AddressOwners } from '../../nodeagent/ipam/host-local-owners.js';
import { createHostLocalSource } from '../../nodeagent/ipam/host-local.js';
import type { IpamReading, IpamSource } from '../../nodeagent/ipam/source.js';
import { createManualClock, type ManualClock } from './clock.js';

/** Where Debian has it (package containernetworking-plugins). */
const HOST_LOCAL = '/usr/lib/cni/host-local';
const PREFIX = 'hostlocal_range_';

export type Json = Readonly<Record<string, unknown>>;

/** A plugin's configuration with host-local. */
export function plugin(name: string, ipam: Json, more: Json = {}): Json {
  return { cniVersion: '1.0.0', name, type: 'ptp', ...more, ipam: { type: 'host-local', ...ipam } };
}

/** What CNI has on a node, in a temporary directory, and the source that reads it; it goes with its scope (`using bed = …`). */
export class HostLocalBed implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'podnet-cni-'));
  readonly networksPath = join(this.root, 'lib/cni/networks');
  readonly confPath = join(this.root, 'net.d');
  readonly clock: ManualClock = createManualClock(1_000_000, Date.now());
  readonly source: IpamSource;
  owners: AddressOwners | undefined;

  constructor() {
    const { networksPath, confPath, clock } = this;
    mkdirSync(networksPath, { recursive: true });
    mkdirSync(confPath);
    this.source = createHostLocalSource({ networksPath, confPath, clock, owners: () => this.owners });
  }

  /** @param path of a file, below the root */
  write(path: string, content: string | Json): this {
    const whole = join(this.root, path);
    mkdirSync(dirname(whole), { recursive: true });
    writeFileSync(whole, typeof content === 'string' ? content : JSON.stringify(content));
    return this;
  }

  /** As the plugin would. */
  reserve(network: string, address: string, id: string): this {
    return this.write(`lib/cni/networks/${network}/${address}`, `${id}\r\neth0`);
  }

  /** @returns the addresses that the plugin gives; none where it fails, and says why */
  add(config: Json, id: string): string[] {
    const { ips = [] } = this.#run('ADD', config, id) as { ips?: { address: string }[] };
    return ips.map(({ address }) => address.replace(/\/.*/, ''));
  }

  del(config: Json, id: string): void {
    this.#run('DEL', config, id);
  }

  read(signal: AbortSignal = new AbortController().signal): Promise<IpamReading> {
    return this.source.read(signal);
  }

  /** The next reading, `<network> <range> addresses=… used_addresses=… …` of each range that anything is told of. */
  async lines(): Promise<string[]> {
    return linesOf(await this.read());
  }

  #run(command: 'ADD' | 'DEL', config: Json, id: string): unknown {
    const ipam = config['ipam'] as Json;
    const input = JSON.stringify({ ...config, ipam: { dataDir: this.networksPath, ...ipam } });
    const variables = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: id,
      CNI_NETNS: '/x',
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/x',
    };
    const { stdout, error } = spawnSync(HOST_LOCAL, { input, env: variables, encoding: 'utf8' });
    if (error !== undefined) throw error;
    return stdout === '' ? {} : JSON.parse(stdout);
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export function linesOf({ families }: IpamReading): string[] {
  const lines = new Map<string, string>();
  for (const { name, samples } of families) {
    for (const { labels, value } of samples) {
      const key = `${labels['network']} ${labels['range'] === '' ? '-' : labels['range']}`;
      lines.set(key, `${lines.get(key) ?? key} ${name.replace(PREFIX, '').replace('_addresses', '')}=${value}`);
    }
  }
  return [...lines.values()];
}
