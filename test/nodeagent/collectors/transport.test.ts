import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TransportReading } from '../../../nodeagent/collectors/collector.js';
import { createTransportCollector } from '../../../nodeagent/collectors/transport.js';
import { NetnsLayouts } from '../../../nodeagent/inventory/layout.js';
import { createNetnsPods } from '../../../nodeagent/inventory/netns-pods.js';
import { NetnsScan } from '../../../nodeagent/inventory/netns-scan.js';
import type { Pod } from '../../../nodeagent/inventory/pod.js';
import { ProcFs } from '../../../nodeagent/procfs/fs.js';
import { SysFs } from '../../../nodeagent/sysfs/fs.js';
import { TRANSPORT_COUNTERS } from '../../../openapi/report-terms.js';
import { ADDRESS, ADDRESS6, NetnsPair } from '../../support/netns-pair.js';
import { copyProcTree } from '../../support/proc-tree.js';
import { eventually } from '../../support/programs.js';
import { missing } from '../../support/requirements.js';

const skip = missing('root', 'ip');
type Counters = Record<(typeof TRANSPORT_COUNTERS)[number], number>;

async function sweepOf(root: string, pods?: readonly Pod[], signal = AbortSignal.timeout(10_000)) {
  const procfs = new ProcFs(root);
  const scan = new NetnsScan(procfs);
  const layouts = new NetnsLayouts(procfs, new SysFs('test/fixtures/no-sysfs'));
  const added = new Map<string, TransportReading>();
  const skipped = new Map<string, string>();
  await createTransportCollector({ procfs, layouts, forget: (pid) => scan.forget(pid) })(
    {
      pods: pods ?? createNetnsPods({ procfs, scan, bootId: 'boot', runNetns: '/nonexistent' }).pods(0),
      startedMs: 0,
      addInterfaces: () => assert.fail('not of this collector'),
      addTransport: (pod, transport) => added.set(pod.name, transport),
      addDevices: () => assert.fail(),
      skip: (pod, reason) => skipped.set(pod.name, reason),
    },
    signal,
  );
  return { added, skipped };
}

function named(reading: TransportReading | undefined): Counters {
  assert.equal(reading?.counters.length, TRANSPORT_COUNTERS.length);
  return Object.fromEntries(TRANSPORT_COUNTERS.map((name, i) => [name, reading?.counters[i]])) as Counters;
}

const POD = '5eff39ce41c3';

test('what was not recorded of a pod is not known, and the rest is', async () => {
  const { added, skipped } = await sweepOf('test/fixtures/proc/containerd');
  assert.deepEqual(named(added.get(POD)), {
    tcpRetransmittedSegments: 0,
    tcpOutgoingResets: 0,
    tcpEstablishedResets: 0,
    tcpListenOverflows: 0,
    tcpListenDrops: 0,
    tcpSocketsInUse: NaN, // there is IPv6, and no sockstat6
    tcpSocketsTimeWait: 2,
    udpSocketsInUse: NaN,
    udpReceiveErrors: 0,
    udpReceiveBufferErrors: 0,
    udpTransmitBufferErrors: 0,
    conntrackEntries: NaN, // it was not loaded
  });
  assert.deepEqual(added.get(POD)?.ip, { bytes: 37_280 + 1_736, groupBytes: 1_736, packets: 717 + 23 });
  assert.deepEqual([...skipped], []);
});

test('where IPv6 is off those of IPv4 are all', async () => {
  await using tree = await copyProcTree('containerd');
  await rm(join(tree.root, '8828/net/snmp6'));
  const { added } = await sweepOf(tree.root);
  const { tcpSocketsInUse, udpSocketsInUse, udpReceiveErrors } = named(added.get(POD));
  assert.deepEqual([tcpSocketsInUse, udpSocketsInUse, udpReceiveErrors], [0, 0, 0]);
});

test('a half that does not parse makes the sum unknown', async () => {
  await using tree = await copyProcTree('containerd');
  await writeFile(join(tree.root, '8828/net/snmp6'), 'Udp6InErrors \tmany\n');
  const { added } = await sweepOf(tree.root);
  assert.equal(named(added.get(POD)).udpReceiveErrors, NaN);
  assert.equal(added.get(POD)?.ip.bytes, NaN);
});

test('pods that cannot be read are skipped with their reason, others not at all', async () => {
  const netns = { inode: 1, processes: [{ pid: 8_828 }] };
  const base = { namespace: 'n', creationTimestamp: '2026-11-20T10:00:00Z', labels: {}, attachments: new Map() };
  const podOf = (name: string, rest: Partial<Pod>): Pod => ({ ...base, name, uid: name, hostNetwork: false, ...rest });
  const pods = [
    podOf('moved', { netns }),
    podOf('host', { hostNetwork: true, netns }),
    podOf('ended', { netnsAbsence: 'none' }),
    podOf('starting', {}),
  ];
  const { added, skipped } = await sweepOf('test/fixtures/proc/containerd', pods);
  assert.deepEqual([...added], []);
  assert.deepEqual(
    [...skipped],
    [
      ['moved', 'process_gone'],
      ['starting', 'no_process'],
    ],
  );
  const late = await sweepOf('test/fixtures/proc/containerd', pods.slice(0, 2), AbortSignal.abort());
  assert.deepEqual([...late.skipped], [['moved', 'no_time']]);
});

/** What nstat and ss of iproute2 say of a namespace. */
function truthOf(pair: NetnsPair): Partial<Counters> {
  const nstat = new Map(
    [...pair.exec('a', 'nstat', '-asz').matchAll(/^(\w+) +(\d+) /gm)].map(([, name, value]) => [name, Number(value)]),
  );
  const both = (name: string): number => (nstat.get(`Udp${name}`) ?? NaN) + (nstat.get(`Udp6${name}`) ?? NaN);
  const sockets = (...args: string[]): number => pair.exec('a', 'ss', '-Han', ...args).split('\n').length - 1;
  return {
    tcpRetransmittedSegments: nstat.get('TcpRetransSegs') ?? NaN,
    tcpOutgoingResets: nstat.get('TcpOutRsts') ?? NaN,
    tcpEstablishedResets: nstat.get('TcpEstabResets') ?? NaN,
    tcpListenOverflows: nstat.get('TcpExtListenOverflows') ?? NaN,
    tcpListenDrops: nstat.get('TcpExtListenDrops') ?? NaN,
    tcpSocketsInUse: sockets('-t') - sockets('-t', 'state', 'time-wait'),
    tcpSocketsTimeWait: sockets('-t', 'state', 'time-wait'),
    udpSocketsInUse: sockets('-u'),
    udpReceiveErrors: both('InErrors'),
    udpReceiveBufferErrors: both('RcvbufErrors'),
    udpTransmitBufferErrors: both('SndbufErrors'),
  };
}

/** The counters of side a; what nstat and ss say of the same moment has to be the same. */
async function readA(pair: NetnsPair): Promise<Counters> {
  return eventually(
    async () => {
      const before = truthOf(pair);
      const { added } = await sweepOf('/proc', [pair.pod('a')]);
      const { conntrackEntries, ...counters } = named(added.get('a'));
      const after = truthOf(pair);
      return { before, counters: { ...counters, conntrackEntries }, compared: counters, after };
    },
    ({ before, compared, after }) => [before, after].every((truth) => isEqual(truth, compared)),
  ).then(({ counters }) => counters);
}

function isEqual(a: object, b: object): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

test('resets are counted one by one', { skip }, async () => {
  await using pair = await NetnsPair.create('pntrs');
  const before = await readA(pair);
  // seven times nobody listens; four connections of both versions are reset by a, three by b
  pair.run(
    'b',
    `const { connect } = require('node:net'); const { once } = require('node:events');
     (async () => { for (let i = 0; i < 7; i++) await once(connect(81, i % 2 ? '${ADDRESS.a}' : '${ADDRESS6.a}'), 'error').catch(() => {}) })()
       .catch((error) => { if (error.code !== 'ECONNREFUSED') throw error })`,
  );
  await pair.start(
    'a',
    `let resets = 4;
     require('node:net').createServer((socket) => { socket.on('error', () => {}); if (resets-- > 0) socket.resetAndDestroy(); })
       .listen(80, '::', () => console.log('ready'))`,
  );
  pair.run(
    'b',
    `const { connect } = require('node:net'); const { once } = require('node:events');
     (async () => { for (let i = 0; i < 7; i++) {
       const socket = connect(80, i % 2 ? '${ADDRESS.a}' : '${ADDRESS6.a}').on('error', () => {});
       const closed = new Promise((resolve) => socket.on('close', resolve));
       if (i >= 4) { await once(socket, 'connect'); socket.resetAndDestroy(); }
       await closed;
     } })()`,
  );
  const after = await eventually(
    () => readA(pair),
    ({ tcpEstablishedResets }) => tcpEstablishedResets === 7,
  );
  assert.deepEqual(
    [after.tcpOutgoingResets - before.tcpOutgoingResets, after.tcpSocketsInUse, before.tcpSocketsInUse],
    [7 + 4, 1, 0],
  );
});

test('connections that find the queue of a listener full are counted', { skip }, async () => {
  await using pair = await NetnsPair.create('pntlo');
  // libuv accepts whatever comes, so the listener is kept from running
  await pair.start(
    'a',
    `require('node:net').createServer().listen({ port: 80, host: '::', backlog: 1 }, () => {
       require('node:fs').writeSync(1, 'ready\\n');
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
     })`,
  );
  await pair.start(
    'b',
    `const { connect } = require('node:net');
     for (let i = 0; i < 8; i++) connect(80, '${ADDRESS.a}').on('error', () => {});
     console.log('ready')`,
  );
  const seen = await eventually(
    () => readA(pair),
    ({ tcpListenOverflows }) => tcpListenOverflows >= 3,
  );
  assert.equal(seen.tcpListenDrops, seen.tcpListenOverflows);
});

test('segments that the other end never sees are retransmitted', { skip }, async () => {
  await using pair = await NetnsPair.create('pntre');
  await pair.start('b', `require('node:net').createServer().listen(80, () => console.log('ready'))`);
  const client = await pair.start(
    'a',
    `const socket = require('node:net').connect(80, '${ADDRESS.b}', () => {
       console.log('ready'); process.stdin.once('data', () => socket.write('x'.repeat(1000)));
     })`,
  );
  assert.equal((await readA(pair)).tcpRetransmittedSegments, 0);
  pair.exec('a', 'ip', 'neigh', 'replace', ADDRESS.b, 'lladdr', '02:00:00:00:00:99', 'dev', 'eth0', 'nud', 'permanent');
  client.stdin?.write('\n');
  const seen = await eventually(
    () => readA(pair),
    ({ tcpRetransmittedSegments }) => tcpRetransmittedSegments >= 2,
  );
  assert.equal(seen.tcpSocketsInUse, 1);
});

test('datagrams that a full socket does not take are counted, of both versions together', { skip }, async () => {
  await using pair = await NetnsPair.create('pntud');
  const server = await pair.start(
    'a',
    `const { createSocket } = require('node:dgram');
     let taken = 0;
     const sockets = ['udp4', 'udp6'].map((type) => createSocket({ type, ipv6Only: type === 'udp6', recvBufferSize: 8192 }).on('message', () => taken++));
     let bound = 0;
     for (const socket of sockets) socket.bind(9, () => { if (++bound === 2) {
       require('node:fs').writeSync(1, 'ready\\n');
       require('node:fs').readSync(0, Buffer.alloc(1)); // nothing is taken until the test says so
       setTimeout(() => { console.log(taken); }, 500);
     } });`,
  );
  pair.run(
    'b',
    `const { createSocket } = require('node:dgram');
     (async () => { for (const [type, address] of [['udp4', '${ADDRESS.a}'], ['udp6', '${ADDRESS6.a}']]) {
       const socket = createSocket(type);
       for (let i = 0; i < 100; i++) await new Promise((resolve) => socket.send(Buffer.alloc(1000), 9, address, resolve));
       socket.close();
     } })()`,
  );
  server.stdin?.write('\n');
  const [taken] = (await once(server.stdout ?? assert.fail(), 'data')) as [Buffer];
  const seen = await readA(pair);
  assert.equal(seen.udpReceiveBufferErrors, 200 - Number(String(taken)));
  assert.ok(seen.udpReceiveBufferErrors > 150, 'both sockets were full');
  assert.equal(seen.udpReceiveErrors, seen.udpReceiveBufferErrors);
  assert.equal(seen.udpSocketsInUse, 2);
});

test('sockets in TIME_WAIT are those of the namespace', { skip }, async () => {
  await using pair = await NetnsPair.create('pnttw');
  await pair.start(
    'a',
    `require('node:net').createServer((socket) => socket.end()).listen(80, '::', () => console.log('ready'))`,
  );
  pair.run(
    'b',
    `const { connect } = require('node:net'); const { once } = require('node:events');
     (async () => { for (let i = 0; i < 5; i++) {
       const socket = connect(80, i % 2 ? '${ADDRESS.a}' : '${ADDRESS6.a}').resume();
       await once(socket, 'close');
     } })()`,
  );
  const seen = await eventually(
    () => readA(pair),
    ({ tcpSocketsTimeWait }) => tcpSocketsTimeWait === 5,
  );
  assert.equal(seen.tcpSocketsInUse, 1);
});

test('tracked connections are counted', { skip: missing('root', 'ip', 'iptables') }, async () => {
  await using pair = await NetnsPair.create('pntct');
  assert.equal((await readA(pair)).conntrackEntries, 0);
  pair.exec('a', 'iptables', '-A', 'INPUT', '-m', 'conntrack', '--ctstate', 'INVALID', '-j', 'DROP');
  pair.run(
    'b',
    `const { createSocket } = require('node:dgram');
     for (let i = 0; i < 20; i++) { const socket = createSocket('udp4'); socket.send('x', 9, '${ADDRESS.a}', () => socket.close()) }`,
  );
  assert.equal((await readA(pair)).conntrackEntries, 20);
});
