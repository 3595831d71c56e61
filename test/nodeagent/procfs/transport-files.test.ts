import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseNetstat } from '../../../nodeagent/procfs/netstat.js';
import { parseConntrackEntries } from '../../../nodeagent/procfs/nf-conntrack.js';
import { parseSnmp } from '../../../nodeagent/procfs/snmp.js';
import { parseSnmp6 } from '../../../nodeagent/procfs/snmp6.js';
import { parseSockstat, parseSockstat6 } from '../../../nodeagent/procfs/sockstat.js';

const recorded = (file: string, pid = '8937'): string =>
  readFileSync(`test/fixtures/proc/containerd/${pid}/net/${file}`, 'utf8');

test('snmp of a pod that received 10 MiB over TCP', () => {
  assert.deepEqual(parseSnmp(recorded('snmp')), {
    tcpRetransmittedSegments: 0,
    tcpOutgoingResets: 1,
    tcpEstablishedResets: 0,
    udpReceiveErrors: 0,
    udpReceiveBufferErrors: 0,
    udpTransmitBufferErrors: 0,
    ipReceivedPackets: 1_380,
  });
});

test('netstat of both ends of a connection', () => {
  const [sender, receiver] = [parseNetstat(recorded('netstat', '8828')), parseNetstat(recorded('netstat'))];
  assert.deepEqual(sender, {
    tcpListenOverflows: 0,
    tcpListenDrops: 0,
    ipReceivedBytes: 37_280,
    ipReceivedGroupBytes: 0,
  });
  assert.equal(receiver.ipReceivedBytes, 13_717_624); // what the other one sent: its OutOctets
});

test('snmp6 of a pod that was sent nothing but multicast', () => {
  assert.deepEqual(parseSnmp6(recorded('snmp6', '8828')), {
    udpReceiveErrors: 0,
    udpReceiveBufferErrors: 0,
    udpTransmitBufferErrors: 0,
    ipReceivedPackets: 23,
    ipReceivedBytes: 1_736,
    ipReceivedGroupBytes: 1_736,
  });
});

test('sockstat tells what is of the namespace, and not what is of the machine', () => {
  assert.deepEqual(parseSockstat(recorded('sockstat', '8828')), { tcpInUse: 0, tcpTimeWait: 2, udpInUse: 0 });
  const busy = 'sockets: used 9\nTCP: inuse 5 orphan 6 tw 7 alloc 8 mem 181\nUDP: inuse 4 mem 2\nUDPLITE: inuse 1\n';
  assert.deepEqual(parseSockstat(busy), { tcpInUse: 5, tcpTimeWait: 7, udpInUse: 4 });
  const busy6 = 'TCP6: inuse 3\nUDP6: inuse 2\nUDPLITE6: inuse 9\nRAW6: inuse 1\nFRAG6: inuse 0 memory 0\n';
  assert.deepEqual(parseSockstat6(busy6), { tcpInUse: 3, udpInUse: 2 });
});

test('columns are found by their names, whatever a kernel puts between them', () => {
  const text = 'TcpExt: New ListenDrops ListenOverflows\nTcpExt: 1 2 3\nIpExt: InOctets\nIpExt: 18446744073709551615\n';
  assert.deepEqual(parseNetstat(text), {
    tcpListenOverflows: 3,
    tcpListenDrops: 2,
    ipReceivedBytes: 2 ** 64,
    ipReceivedGroupBytes: NaN,
  });
});

test('a protocol is not mistaken for another that begins like it', () => {
  const text = 'UdpLite: InErrors\nUdpLite: 7\nTcpExt: RetransSegs\nTcpExt: 8\nIpExt: InReceives\nIpExt: 9\n';
  const { udpReceiveErrors, tcpRetransmittedSegments, ipReceivedPackets } = parseSnmp(text);
  assert.deepEqual([udpReceiveErrors, tcpRetransmittedSegments, ipReceivedPackets], [NaN, NaN, NaN]);
  assert.equal(parseSnmp6('Udp6InErrorsOfOld\t7\n').udpReceiveErrors, NaN);
  assert.equal(parseSockstat('TCP6: inuse 3\n').tcpInUse, NaN);
});

const SNMP = 'Tcp: MaxConn RetransSegs OutRsts\nTcp: -1 5 6\n';
for (const [what, text, retransmitted] of [
  ['whole', SNMP, 5],
  ['empty', '', NaN],
  ['cut in its last line', SNMP.slice(0, -1), NaN],
  ['cut behind its names', SNMP.slice(0, SNMP.indexOf('\n') + 1), NaN],
  ['with fewer values than names', SNMP.replace(' 6', ''), NaN],
  ['with a name twice', SNMP.replace('OutRsts', 'RetransSegs'), NaN],
  ['with something that is no count', SNMP.replace(' 5 ', ' 5x '), NaN],
  ['with a negative value', SNMP.replace(' 5 ', ' -5 '), NaN],
  ['with the lines of another between', SNMP.replace('\nTcp', '\nUdp: 1\nTcp'), NaN],
] as const) {
  test(`net/snmp ${what} gives ${Number.isNaN(retransmitted) ? 'nothing' : 'its values'}`, () => {
    assert.equal(parseSnmp(text).tcpRetransmittedSegments, retransmitted);
  });
}

test('a cut line of snmp6 or sockstat gives nothing', () => {
  assert.equal(parseSnmp6('Ip6InOctets    \t12').ipReceivedBytes, NaN);
  assert.equal(parseSnmp6('Ip6InOctets    \t123\n').ipReceivedBytes, 123);
  assert.equal(parseSockstat('UDP: inuse 12').udpInUse, NaN);
  assert.equal(parseSockstat('TCP: inuse\n').tcpInUse, NaN);
});

test('tracked connections are those of the namespace, in hexadecimal, once', () => {
  const header = 'entries  clashres found new\n';
  assert.equal(parseConntrackEntries(`${header}0000001f  00000000 00000000 00000000\n0000001f  0 0 0\n`), 31);
  assert.equal(parseConntrackEntries(`${header}ffffffff  00000000\n`), 2 ** 32 - 1);
  for (const odd of ['', header, `${header}0000001f`, `${header}0x1f 0\n`, 'clashres\n0000001f\n']) {
    assert.equal(parseConntrackEntries(odd), NaN, JSON.stringify(odd));
  }
});
