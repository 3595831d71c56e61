import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createInterfacesCollector } from '../../../nodeagent/collectors/interfaces.js';
import type { InterfaceReading } from '../../../nodeagent/collectors/collector.js';
import { NetnsLayouts } from '../../../nodeagent/inventory/layout.js';
import { createNetlinkSources, type NetlinkSources } from '../../../nodeagent/inventory/netlink-sources.js';
import type { Pod } from '../../../nodeagent/inventory/pod.js';
import { ProcFs } from '../../../nodeagent/procfs/fs.js';
import { SysFs } from '../../../nodeagent/sysfs/fs.js';
import { ip } from '../../support/netns.js';
import { eventually } from '../../support/programs.js';
import { missing } from '../../support/requirements.js';

const PREFIX = `nl${process.pid.toString(36)}`;
const PROBE = fileURLToPath(new URL('../../support/netlink-probe.js', import.meta.url));
const NO_RIGHTS = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps', '-all'];
const NET_ADMIN = [...NO_RIGHTS.slice(0, -1), '-all,+net_admin', '--ambient-caps', '+net_admin'];

interface Probed {
  readonly states: Record<string, string>;
  readonly namespaces: readonly {
    readonly hostNames: readonly (readonly [number, string])[];
    readonly links?: readonly unknown[];
  }[];
}

/** Namespaces with a process in each; all of it bears the prefix of this process and goes with `close`. */
class Namespaces {
  readonly #processes = new Map<string, ChildProcess>();

  async add(name: string): Promise<number> {
    const netns = `${PREFIX}-${name}`;
    ip('netns', 'add', netns);
    const child = spawn(
      'ip',
      ['netns', 'exec', netns, process.execPath, '-e', 'console.log(1);setInterval(()=>{},1e9)'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    this.#processes.set(netns, child);
    await once(child.stdout, 'data');
    return this.pid(name);
  }

  pid(name: string): number {
    return this.#processes.get(`${PREFIX}-${name}`)?.pid ?? 0;
  }

  ip(name: string, ...args: readonly string[]): string {
    return ip('-n', `${PREFIX}-${name}`, ...args);
  }

  /** A pair into the machine's own namespace. */
  pair(name: string, host: string, item: string): void {
    ip('link', 'add', PREFIX + host, 'type', 'veth', 'peer', 'name', item, 'netns', `${PREFIX}-${name}`);
  }

  async remove(name: string): Promise<void> {
    const netns = `${PREFIX}-${name}`;
    const child = this.#processes.get(netns);
    this.#processes.delete(netns);
    if (child === undefined) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    ip('netns', 'del', netns);
  }

  async close(): Promise<void> {
    for (const netns of [...this.#processes.keys()]) await this.remove(netns.slice(PREFIX.length + 1));
  }
}

const linkNames = (prefix: string) => readdirSync('/sys/class/net').filter((name) => name.startsWith(prefix));

const NO_VFS = { 'vf-links': 'not_needed' };

describe('netlink', { skip: missing('root', 'ip', 'setpriv') }, () => {
  const procfs = new ProcFs('/proc');
  const spaces = new Namespaces();
  const states: Record<string, string> = {};
  let sources: NetlinkSources;
  let sweeps = 0;

  before(async () => {
    sources = await createNetlinkSources({
      procfs,
      states: { up: (source) => (states[source] = 'up'), off: (source, reason) => (states[source] = reason) },
    });
    await spaces.add('a');
    await spaces.add('b');
  });
  after(async () => {
    sources.close();
    await spaces.close();
    for (const name of linkNames(`${PREFIX}h1`)) ip('link', 'del', name); // the others went with their namespaces
  });

  const hostNames = (name: string, nowMs = ++sweeps) => {
    const pid = spaces.pid(name);
    return Object.fromEntries(sources.hostInterfaces?.namesOf({ inode: procfs.netInode(pid), pid }, nowMs) ?? []);
  };
  const probe = (rights: readonly string[], ...args: readonly string[]): Probed =>
    JSON.parse(execFileSync('setpriv', [...rights, process.execPath, PROBE, ...args], { encoding: 'utf8' })) as Probed;

  // Fault of prometheus-network-shim: ends of some prefixes have no counters.
  it('finds the other end by its id, whatever both are called', () => {
    spaces.pair('a', 'x', 'eth0');
    spaces.pair('a', 'y', 'net1');
    spaces.pair('b', 'z', 'eth0');
    assert.deepEqual(hostNames('a'), { 2: `${PREFIX}x`, 3: `${PREFIX}y` });
    assert.deepEqual(hostNames('b'), { 2: `${PREFIX}z` });
    assert.equal(states['host-interfaces'], 'up');
  });

  it('notices a new name and one that is gone at the next sweep', () => {
    ip('link', 'set', `${PREFIX}x`, 'name', `${PREFIX}lxc`);
    ip('link', 'del', `${PREFIX}y`);
    assert.deepEqual(hostNames('a'), { 2: `${PREFIX}lxc` });
  });

  it('follows an interface that moved to another namespace', () => {
    spaces.ip('a', 'link', 'set', 'eth0', 'name', 'moved');
    spaces.ip('a', 'link', 'set', 'moved', 'netns', `${PREFIX}-b`);
    ip('link', 'set', `${PREFIX}lxc`, 'up');
    const [{ ifindex } = { ifindex: 0 }] = JSON.parse(spaces.ip('b', '-j', 'link', 'show', 'moved')) as {
      ifindex: number;
    }[];
    assert.deepEqual(hostNames('a'), {});
    assert.deepEqual(hostNames('b'), { 2: `${PREFIX}z`, [ifindex]: `${PREFIX}lxc` });
  });

  it('keeps the other ends in sight while one of them goes up and down', () => {
    const nowMs = ++sweeps;
    for (let n = 0; n < 8; n++) {
      spaces.ip('b', 'link', 'set', 'eth0', n % 2 === 0 ? 'up' : 'down');
      ip('link', 'set', `${PREFIX}z`, n % 2 === 0 ? 'up' : 'down');
      assert.equal(hostNames('b', nowMs)[2], `${PREFIX}z`);
    }
  });

  it('keeps the other ends in sight while one of them is renamed', () => {
    const nowMs = ++sweeps;
    for (let n = 0; n < 8; n++) {
      ip('link', 'set', `${PREFIX}lxc`, 'name', `${PREFIX}tmp`);
      ip('link', 'set', `${PREFIX}tmp`, 'name', `${PREFIX}lxc`);
      assert.equal(hostNames('b', nowMs)[2], `${PREFIX}z`);
    }
  });

  it('notices an end that leaves the namespace of the node', () => {
    ip('link', 'add', `${PREFIX}n`, 'type', 'veth', 'peer', 'name', `${PREFIX}p`);
    assert.deepEqual(hostNames('a'), {});
    ip('link', 'set', `${PREFIX}p`, 'netns', `${PREFIX}-a`);
    assert.deepEqual(Object.values(hostNames('a')), [`${PREFIX}n`]);
    ip('link', 'del', `${PREFIX}n`);
    assert.deepEqual(hostNames('a'), {});
  });

  it('knows nothing of pairs that do not end in the node', () => {
    ip('link', 'add', `${PREFIX}h1`, 'type', 'veth', 'peer', 'name', `${PREFIX}h2`);
    spaces.ip('a', 'link', 'add', 'inner', 'type', 'veth', 'peer', 'name', 'outer', 'netns', `${PREFIX}-b`);
    assert.deepEqual(hostNames('a'), {});
    assert.equal(
      sources.hostInterfaces?.namesOf({ inode: procfs.netInode('self'), pid: process.pid }, ++sweeps).size,
      0,
    );
  });

  it('takes the parent of a macvlan for no other end', () => {
    ip('link', 'add', 'link', `${PREFIX}h1`, 'name', `${PREFIX}m`, 'type', 'macvlan');
    ip('link', 'set', `${PREFIX}m`, 'netns', `${PREFIX}-a`);
    assert.deepEqual(hostNames('a'), {});
  });

  it('gives the id of a namespace that is gone to no other', async () => {
    for (let round = 0; round < 5; round++) {
      await spaces.add('c');
      spaces.pair('c', `c${round}`, 'eth0');
      assert.deepEqual(hostNames('c'), { 2: `${PREFIX}c${round}` });
      await spaces.remove('c');
    }
  });

  it('lets a namespace go that it has looked at', async () => {
    await spaces.add('d');
    spaces.pair('d', 'd', 'eth0');
    assert.equal(Object.keys(hostNames('d')).length, 1);
    assert.ok(sources.podLinks?.linksOf(spaces.pid('d'), ++sweeps));
    await spaces.remove('d');
    await eventually(
      () => linkNames(`${PREFIX}d`),
      (names) => names.length === 0,
    );
  });

  it('tells links of a pod with their kinds, masters and foreign parents', () => {
    const links = sources.podLinks?.linksOf(spaces.pid('a'), ++sweeps);
    assert.ok(Array.isArray(links));
    const byName = new Map(links.map((link) => [link.name, link]));
    assert.equal(byName.get(`${PREFIX}m`)?.kind, 'macvlan');
    assert.notEqual(byName.get(`${PREFIX}m`)?.linkNetnsid, undefined);
    assert.equal(byName.get('inner')?.kind, 'veth');
    assert.equal(byName.has(`${PREFIX}h1`), false);
    assert.equal(states['pod-links'], 'up');
  });

  it('says of a process that is gone nothing, and stays up', () => {
    assert.equal(sources.podLinks?.linksOf(4_194_304, ++sweeps), undefined);
    assert.equal(states['pod-links'], 'up');
  });

  it('needs no right for the other ends, and one for the links of pods', () => {
    const pid = String(spaces.pid('b'));
    const without = probe(NO_RIGHTS, '/proc', pid);
    assert.deepEqual(without.states, { 'host-interfaces': 'up', 'pod-links': 'not_permitted', ...NO_VFS });
    assert.deepEqual(
      without.namespaces[0]?.hostNames.find(([index]) => index === 2),
      [2, `${PREFIX}z`],
    );
    assert.equal(without.namespaces[0]?.links, undefined);
    const allowed = probe(NET_ADMIN, '/proc', pid);
    assert.deepEqual(allowed.states, { 'host-interfaces': 'up', 'pod-links': 'up', ...NO_VFS });
    assert.ok(allowed.namespaces[0]?.links?.some((link) => JSON.stringify(link) === '["eth0","veth",2]'));
  });

  it('is off in another namespace than that of process 1', () => {
    const run = ['netns', 'exec', `${PREFIX}-a`, process.execPath, PROBE, '/proc', String(spaces.pid('b'))];
    const { states: there, namespaces } = JSON.parse(ip(...run)) as Probed;
    assert.deepEqual(there, { 'host-interfaces': 'not_host_network', 'pod-links': 'up', ...NO_VFS });
    assert.ok(namespaces[0]?.links?.some((link) => JSON.stringify(link) === '["eth0","veth",2]'));
  });

  it('is off where pids of procfs are not its own', () => {
    const directory = mkdtempSync(join(tmpdir(), PREFIX));
    try {
      // the outer procfs, seen from a pid namespace of its own
      const script = `mount --bind /proc ${directory} && exec unshare --pid --fork ${process.execPath} ${PROBE} ${directory}`;
      const text = execFileSync('unshare', ['--mount', 'sh', '-c', script], { encoding: 'utf8' });
      assert.deepEqual((JSON.parse(text) as Probed).states, {
        'host-interfaces': 'not_host_pid',
        'pod-links': 'not_host_pid',
        ...NO_VFS,
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  const sweep = async (name: string): Promise<Map<string, InterfaceReading['meta']>> => {
    const pid = spaces.pid(name);
    const pod: Pod = {
      ...{ namespace: 'default', name, uid: name, creationTimestamp: '', labels: {}, hostNetwork: false },
      netns: { inode: procfs.netInode(pid), processes: [{ pid }] },
      attachments: new Map(),
    };
    const read: InterfaceReading[] = [];
    const layouts = new NetnsLayouts(procfs, new SysFs('/nonexistent'), sources.podLinks);
    await createInterfacesCollector({ procfs, forget: () => undefined, layouts, ...sources })(
      {
        pods: [pod],
        startedMs: ++sweeps,
        addInterfaces: (_pod, interfaces) => read.push(...interfaces),
        addTransport: () => assert.fail('not of this collector'),
        addDevices: () => assert.fail(),
        skip: (_pod, reason) => assert.fail(reason),
      },
      AbortSignal.timeout(10_000),
    );
    return new Map(read.map(({ meta }) => [meta.name, meta]));
  };

  it('reports a virtual machine as stacked, and the other end of its nic', async () => {
    await spaces.add('vm');
    spaces.pair('vm', 'vm', 'eth0-nic');
    spaces.ip('vm', 'link', 'add', 'k6t-eth0', 'type', 'bridge');
    spaces.ip('vm', 'tuntap', 'add', 'tap0', 'mode', 'tap');
    spaces.ip('vm', 'link', 'add', 'macv0', 'link', 'eth0-nic', 'type', 'macvlan', 'mode', 'bridge');
    for (const port of ['eth0-nic', 'tap0']) {
      spaces.ip('vm', 'link', 'set', port, 'up');
    }
    spaces.ip('vm', 'link', 'set', 'tap0', 'master', 'k6t-eth0');
    spaces.ip('vm', 'tuntap', 'add', 'vpn0', 'mode', 'tun');
    const masqueraded = await sweep('vm');
    assert.deepEqual(masqueraded.get('tap0')?.lowerDevices, ['eth0-nic']);
    assert.deepEqual(masqueraded.get('macv0')?.lowerDevices, ['eth0-nic']);
    assert.equal(masqueraded.get('eth0-nic')?.hostInterface, `${PREFIX}vm`);
    assert.equal(masqueraded.get('eth0-nic')?.lowerDevices, undefined);
    assert.equal(masqueraded.get('vpn0')?.lowerDevices, undefined);
    spaces.ip('vm', 'link', 'del', 'macv0'); // a port has nothing else on it
    spaces.ip('vm', 'link', 'set', 'eth0-nic', 'master', 'k6t-eth0');
    const bridged = await sweep('vm');
    assert.deepEqual(bridged.get('tap0')?.lowerDevices, ['eth0-nic']);
    assert.deepEqual(bridged.get('k6t-eth0')?.lowerDevices, ['eth0-nic', 'tap0']);
  });

  it('knows the identity of an interface without a multicast address', async () => {
    const shown = readFileSync(`/proc/${spaces.pid('vm')}/net/dev_mcast`, 'utf8');
    assert.doesNotMatch(shown, /vpn0/);
    const [{ ifindex } = { ifindex: 0 }] = JSON.parse(spaces.ip('vm', '-j', 'link', 'show', 'vpn0')) as {
      ifindex: number;
    }[];
    const identity = `${procfs.netInode(spaces.pid('vm'))}/${ifindex}`;
    assert.equal((await sweep('vm')).get('vpn0')?.identity, identity);
    spaces.ip('vm', 'link', 'del', 'vpn0');
    spaces.ip('vm', 'tuntap', 'add', 'vpn0', 'mode', 'tun');
    assert.notEqual((await sweep('vm')).get('vpn0')?.identity, identity);
  });

  it('holds no descriptor of a namespace', () => {
    const open = readdirSync('/proc/self/fd').flatMap((file) => {
      try {
        return readlinkSync(`/proc/self/fd/${file}`);
      } catch {
        return []; // the directory that is being read
      }
    });
    assert.deepEqual(
      open.filter((target) => target.startsWith('net:') || target.includes('/ns/')),
      [],
    );
  });
});
