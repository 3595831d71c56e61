// What agents of role probe say of a DNS server and a time server that run, freeze and stop.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startDnsServer, ZONE, type DnsServer } from '../support/dns-server.js';
import { startNtpServer, type NtpServer, type NtpServerOptions } from '../support/ntp-server.js';
import { ProbeAgents, type ProbeMetrics } from '../support/probe-agents.js';
import { ProbeBed } from '../support/probe-bed.js';
import { eventually } from '../support/programs.js';
import { missing } from '../support/requirements.js';

const NODES = ['n1', 'n2'];
const SERVERS = 'srv';
const PATIENCE_MS = 60_000;
/** How many series there are of each kind: by node and family, and of DNS by protocol as well. */
const SERIES = { dial: 4, dns: 8, ntp: 4 } as const;
type Kind = keyof typeof SERIES;

const reached = (kind: Kind): string => `podnet_${kind}_latency_seconds_count`;
const errors = (kind: Kind): string => `podnet_${kind}_errors_total`;

describe('outages that agents of role probe see', { skip: missing('root', 'ip', 'dnsmasq', 'chronyd') }, () => {
  let bed: ProbeBed;
  let agents: ProbeAgents;
  let dns: DnsServer;
  let ntp: NtpServer;
  let ntpOptions: NtpServerOptions;

  before(async () => {
    bed = await ProbeBed.create('pnout', { nodes: [...NODES, SERVERS] });
    const { ipv4 = '', ipv6 } = bed.addresses(SERVERS);
    const netns = bed.netns(SERVERS);
    dns = await startDnsServer({ netns, address: ipv4, port: 53, flags: [`--listen-address=${ipv6}`] });
    ntpOptions = { netns, addresses: [ipv4, ipv6], stratum: 3 };
    ntp = await startNtpServer(ntpOptions);
    const flags = [
      ...['--dns.servers', `${ipv4},${ipv6}`, '--dns.hosts', ZONE.both, '--dns.interval', '1s', '--dns.timeout', '1s'],
      ...['--ntp.servers', `${ipv4},${ipv6}`, '--ntp.interval', '1s', '--ntp.timeout', '1s'],
    ];
    agents = await ProbeAgents.start(bed, { nodes: NODES, flags });
  });
  after(async () => {
    await agents?.[Symbol.asyncDispose]();
    await dns?.stop();
    await ntp?.stop();
    await bed?.[Symbol.asyncDispose]();
  });

  /** The first metrics for which each series of a family has grown by two since these were taken. */
  async function twoMore(
    kind: Kind,
    name: string,
    labels: Readonly<Record<string, string>> = {},
  ): Promise<ProbeMetrics> {
    const earlier = await agents.metrics();
    let seen = earlier;
    await eventually(
      async () => {
        seen = await agents.metrics();
        return seen.growth(earlier, name, labels);
      },
      (grown) => grown.filter(({ value }) => value >= 2).length === SERIES[kind],
      PATIENCE_MS,
    );
    return seen;
  }

  /** Every probe of a kind fails, for one reason; the others go on, and none of them fails. */
  async function assertFails(kind: Kind, reason: string): Promise<void> {
    // what was under way before may fail for another reason
    const earlier = await twoMore(kind, errors(kind), { reason });
    await twoMore(kind, errors(kind), { reason });
    const others = (Object.keys(SERIES) as Kind[]).filter((one) => one !== kind);
    for (const other of others) await twoMore(other, reached(other));
    const later = await agents.metrics();
    const failed = later.growth(earlier, errors(kind)).filter(({ value }) => value > 0);
    assert.deepEqual([...new Set(failed.map(({ labels }) => labels['reason']))], [reason]);
    assert.ok(later.growth(earlier, reached(kind)).every(({ value }) => value === 0));
    for (const other of others) {
      assert.ok(
        later.growth(earlier, errors(other)).every(({ value }) => value === 0),
        other,
      );
    }
  }

  test('servers that run have a latency, and a time server its clock', async () => {
    for (const kind of ['dial', 'dns', 'ntp'] as const) await twoMore(kind, reached(kind));
    const metrics = await agents.metrics();
    assert.deepEqual(
      metrics.of('podnet_ntp_stratum').map(({ value }) => value),
      [3, 3, 3, 3],
    );
    for (const { value } of metrics.of('podnet_ntp_offset_seconds')) assert.ok(Math.abs(value) < 0.5, `${value} s`);
    const { ipv4 = '', ipv6 } = bed.addresses(SERVERS);
    const asked = metrics.of(reached('dns'), { node: 'n1', host: ZONE.both });
    assert.deepEqual(
      asked.map(({ labels: { server, protocol } }) => `${server} ${protocol}`).sort(),
      [ipv4, ipv6].flatMap((server) => [`${server} tcp`, `${server} udp`]),
    );
  });

  test('a DNS server that is frozen times out, one that is stopped refuses, one that is back answers', async () => {
    dns.freeze();
    await assertFails('dns', 'timeout');
    dns.thaw();
    await twoMore('dns', reached('dns'));
    await dns.stop();
    await assertFails('dns', 'refused');
    await dns.start();
    await twoMore('dns', reached('dns'));
  });

  test('a time server that is frozen times out and loses its clock, one that is back tells it again', async () => {
    ntp.freeze();
    await assertFails('ntp', 'timeout');
    await eventually(
      async () => (await agents.metrics()).of('podnet_ntp_stratum').length,
      (count) => count === 0,
      PATIENCE_MS,
    );
    assert.equal((await agents.metrics()).of('podnet_ntp_offset_seconds').length, 0);
    ntp.thaw();
    await twoMore('ntp', reached('ntp'));
    await ntp.stop();
    await assertFails('ntp', 'refused');
    ntp = await startNtpServer(ntpOptions);
    await twoMore('ntp', reached('ntp'));
    assert.equal((await agents.metrics()).of('podnet_ntp_stratum').length, SERIES.ntp);
  });
});
