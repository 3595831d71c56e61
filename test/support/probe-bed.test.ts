import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import process from 'node:process';
import { describe, test } from 'node:test';
import type { Run } from './bundle.js';
import { ip } from './netns.js';
import { ProbeBed } from './probe-bed.js';
import { eventually } from './programs.js';
import { missing } from './requirements.js';

const PREFIX = 'pnbed';
const PORT = 7_000;
const NODES = ['n1', 'n2', 'n3'];

/** Sends back what it gets. */
const ECHO = `require('node:net').createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(${PORT}, () => console.log('ready'))`;
/** Connects some times, one after the other. Prints the milliseconds of the fastest, or the error of one. */
const CONNECT = `
  const { connect } = require('node:net');
  const [host, port, times] = process.argv.slice(1);
  const once = () => new Promise((resolve) => {
    const start = performance.now();
    const socket = connect(Number(port), host).setTimeout(2_000);
    const end = (what) => { socket.destroy(); resolve(what); };
    socket.on('connect', () => end(performance.now() - start));
    socket.on('error', ({ code }) => end(code));
    socket.on('timeout', () => end('timeout'));
  });
  (async () => {
    let best = Infinity;
    for (let i = 0; i < Number(times); i++) {
      const took = await once();
      if (typeof took === 'string') return console.log(took);
      best = Math.min(best, took);
    }
    console.log(best);
  })();`;
/** Sends bytes of which each 16 are a number, and prints whether what comes back are the same, in the same order. */
const ROUND_TRIP = `
  const all = Buffer.alloc(2 * 1024 * 1024);
  for (let at = 0; at < all.length; at += 16) all.writeUInt32BE(at, at);
  const got = [];
  const socket = require('node:net').connect(${PORT}, process.argv[1]);
  socket.on('data', (chunk) => got.push(chunk));
  socket.on('end', () => console.log(Buffer.concat(got).equals(all)));
  console.log('sending');
  socket.end(all);`;

async function isReady(program: Run, line = 'ready\n'): Promise<void> {
  await eventually(
    () => program.out(),
    (text) => text.startsWith(line),
  );
}

/** Milliseconds of the fastest connection, or what went wrong. */
function connect(bed: ProbeBed, from: string, to: string, { port = PORT, times = 1 } = {}): string | number {
  const printed = bed.exec(from, process.execPath, '-e', CONNECT, to, String(port), String(times)).trim();
  return Number.isNaN(Number(printed)) ? printed : Number(printed);
}

describe('a bed for role probe', { skip: missing('root', 'ip', 'iptables', 'tun') }, () => {
  test('nodes reach each other on each network with both families', async () => {
    await using bed = await ProbeBed.create(PREFIX, { nodes: NODES, networks: 2, relayed: 'n2' });
    await isReady(bed.start('n2', process.execPath, '-e', ECHO));
    for (const network of [0, 1]) {
      for (const address of Object.values(bed.addresses('n2', network))) {
        assert.equal(typeof connect(bed, 'n1', String(address)), 'number', String(address));
      }
    }
    assert.equal(connect(bed, 'n1', bed.addresses('n3').ipv6), 'ECONNREFUSED');
  });

  test('with IPv6 alone there is no IPv4 address, not even on loopback', async () => {
    await using bed = await ProbeBed.create(PREFIX, { nodes: NODES, families: 'ipv6' });
    await isReady(bed.start('n2', process.execPath, '-e', ECHO));
    for (const node of ['bridge', ...NODES]) assert.equal(bed.exec(node, 'ip', '-4', 'address'), '');
    assert.equal(typeof connect(bed, 'n1', bed.addresses('n2').ipv6), 'number');
    assert.equal(connect(bed, 'n1', '127.0.0.1'), 'ENETUNREACH');
  });

  test('a relayed node is as far away as it is told, in both directions', async () => {
    await using bed = await ProbeBed.create(PREFIX, { nodes: NODES, relayed: 'n2' });
    for (const node of NODES) await isReady(bed.start(node, process.execPath, '-e', ECHO));
    const took = (from: string, to: string) => Number(connect(bed, from, bed.addresses(to).ipv6, { times: 11 }));
    assert.ok(took('n1', 'n2') < 10);
    await bed.setDelayMs(10);
    for (const milliseconds of [took('n1', 'n2'), took('n2', 'n3')]) {
      assert.ok(milliseconds >= 20 && milliseconds < 30, `${milliseconds} ms`);
    }
    assert.ok(took('n1', 'n3') < 10);
    await bed.setDelayMs(0);
    assert.ok(took('n1', 'n2') < 10);
  });

  test('a relay loses nothing and keeps the order, whatever the delay becomes', async () => {
    await using bed = await ProbeBed.create(PREFIX, { nodes: NODES, relayed: 'n2' });
    await isReady(bed.start('n2', process.execPath, '-e', ECHO));
    const sender = bed.start('n1', process.execPath, '-e', ROUND_TRIP, bed.addresses('n2').ipv6);
    await isReady(sender, 'sending\n');
    for (const milliseconds of [5, 0, 2, 1, 0]) await bed.setDelayMs(milliseconds);
    await sender.ended;
    assert.equal(sender.out(), 'sending\ntrue\n', sender.error());
  });

  test('a node is cut off, rejects, and is there again', async () => {
    await using bed = await ProbeBed.create(PREFIX, { nodes: NODES, relayed: 'n2' });
    for (const node of NODES) await isReady(bed.start(node, process.execPath, '-e', ECHO));
    const { ipv4 = '', ipv6 } = bed.addresses('n2');
    const both = () => [ipv4, ipv6].map((address) => connect(bed, 'n1', address));
    bed.drop('n2');
    assert.deepEqual(both(), ['timeout', 'timeout']);
    assert.equal(connect(bed, 'n2', bed.addresses('n1').ipv6), 'timeout');
    assert.equal(typeof connect(bed, 'n1', bed.addresses('n3').ipv6), 'number');
    bed.undo('n2');
    bed.reject('n2', 'refused');
    assert.deepEqual(both(), ['ECONNREFUSED', 'ECONNREFUSED']);
    assert.equal(typeof connect(bed, 'n2', bed.addresses('n1').ipv6), 'number');
    bed.undo('n2');
    bed.reject('n2', 'unreachable');
    assert.deepEqual(both(), ['EHOSTUNREACH', 'EHOSTUNREACH']);
    bed.undo('n2');
    assert.deepEqual(both().map(Number).map(Number.isFinite), [true, true]);
  });

  test('a node is cut off from one network, and reached on the other', async () => {
    await using bed = await ProbeBed.create(PREFIX, { nodes: NODES, networks: 2 });
    await isReady(bed.start('n2', process.execPath, '-e', ECHO));
    bed.drop('n2', 1);
    assert.equal(connect(bed, 'n1', bed.addresses('n2', 1).ipv6), 'timeout');
    assert.equal(typeof connect(bed, 'n1', bed.addresses('n2').ipv6), 'number');
  });

  test('a port of this machine is reached from a node', async (t) => {
    const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    await using bed = await ProbeBed.create(PREFIX, { nodes: NODES });
    await bed.forward('n1', PORT, (server.address() as AddressInfo).port);
    const read = `require('node:net').connect(${PORT}, '127.0.0.1').on('data', (text) => console.log(String(text)))`;
    const client = bed.start('n1', process.execPath, '-e', read);
    await client.ended;
    assert.equal(client.out(), 'hello\n', client.error());
  });

  test('nothing is left, also when it could not be made', async () => {
    await assert.rejects(ProbeBed.create(PREFIX, { nodes: ['n1', 'n1'], relayed: 'n1' }), /File exists/);
    assert.doesNotMatch(ip('netns', 'list'), new RegExp(`^${PREFIX}-${process.pid}-`, 'm'));
  });
});
