// What an agent of role probe costs as it is shipped, beside a blackbox exporter that probes the same.
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { makeBundle, type Run } from '../support/bundle.js';
import { ProbeMetrics } from '../support/probe-agents.js';
import { createCertificateFiles, eventually, fetchText } from '../support/programs.js';
import { whyMissing } from '../support/requirements.js';
import { NOBODY, startApiserver, type Closers } from './agent-run.js';
import { Blackbox, blackboxVersion } from './blackbox.js';
import { wideRow } from './measure.js';
import { processCost, type ProcessCost } from './process-cost.js';
import { ProbeWorld, startDriver } from './probe-world.js';

/** Of `--only`. */
export const PROBE_NAME = 'role probe';
const MINUTE_MS = 60_000;
/** Peers, and one more for the Service. */
const TARGETS = 5;
const DIAL_EVERY_MS = 5_000;
const DNS_EVERY_MS = 15_000;
const NTP_EVERY_MS = 60_000;
const INTERVAL_MS = 15_000;
/** Agents that dial the one that is looked at. */
const DIALLED_BY = 4;
const SERVER_PORT = 6_443;
const NODES = { agent: 'agent', idle: 'idle', blackbox: 'blackbox', dialler: 'dialler' } as const;

export interface ProbeBenchOptions {
  readonly minutes: number;
  readonly nodeFlags: readonly string[];
  readonly signal: AbortSignal;
}

/** Since its start. A lookup is two queries, for A and for AAAA. */
interface Made {
  readonly dials: number;
  readonly queries: number;
}

interface Subject {
  readonly name: string;
  readonly program: Run;
  readonly made: () => Promise<Made>;
}

interface Look {
  readonly atMs: number;
  readonly cost: ProcessCost;
  readonly made: Made;
}

interface Seen {
  readonly name: string;
  readonly settled: Look;
  readonly half: Look;
  readonly end: Look;
  readonly outage: readonly [from: Look, to: Look];
}

export async function benchProbe(options: ProbeBenchOptions): Promise<void> {
  const reason = whyMissing('root', 'ip', 'iptables', 'setpriv', 'dnsmasq', 'curl');
  if (reason !== false) {
    console.log(`\nRole probe: left out, ${reason}`);
    return;
  }
  const closers: Closers = [];
  try {
    const world = await ProbeWorld.create(TARGETS, Object.values(NODES));
    closers.push(() => world.close());
    const subjects = await startSubjects(world, options, closers);
    print(await watch(subjects, world, options), options, world);
    console.log(await leftOut(world));
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** Which go with the bed of the world. */
async function startSubjects(
  world: ProbeWorld,
  { nodeFlags }: ProbeBenchOptions,
  closers: Closers,
): Promise<Subject[]> {
  const { bed } = world;
  const bundle = await makeBundle();
  closers.push(() => bundle.remove());
  const certificate = await createCertificateFiles();
  closers.push(() => certificate.remove());
  const caFile = join(dirname(bundle.file), 'server-ca.crt'); // where every user may read
  await writeFile(caFile, certificate.ca);
  const url = await startApiserver(bundle, certificate.flags, closers);
  const startAgent = async (name: string, node: string, flags: readonly string[]): Promise<Subject> => {
    await bed.forward(node, SERVER_PORT, Number(new URL(url).port));
    const command = [process.execPath, ...nodeFlags, bundle.file, 'nodeagent', '--role', 'probe', '--node-name', node];
    const server = ['--server', `https://127.0.0.1:${SERVER_PORT}`, '--server-ca-file', caFile];
    const own = ['--interval', `${INTERVAL_MS}ms`, '--dial.service', 'none', ...flags];
    const program = bed.start(node, ...NOBODY, ...command, ...server, ...own);
    return { name, program, made: () => madeByAgent({ url, ca: certificate.ca }, node) };
  };
  const agent = await startAgent(PROBE_NAME, NODES.agent, flagsOf(world));
  const idle = await startAgent('the same with nothing to probe', NODES.idle, ['--no-collector.dns']);
  const dial = { what: 'dials', url: `tcp://${world.addressOf(NODES.agent)}`, everyMs: DIAL_EVERY_MS };
  startDriver(
    bed,
    NODES.dialler,
    Array.from({ length: DIALLED_BY }, () => dial),
  );
  await check(agent, TARGETS);
  return [agent, idle, ...(await startBlackbox(world, closers))];
}

function flagsOf({ targets, dnsServer, hosts, ntpServer }: ProbeWorld): string[] {
  const peers = [...targets].map(([name, address], i) => `${name}/zone-${i % 3}=${address}`);
  return [
    ...['--dial.peers', peers.join(','), '--dial.count', String(TARGETS), '--dial.interval', `${DIAL_EVERY_MS}ms`],
    ...['--dns.servers', dnsServer, '--dns.hosts', hosts.join(','), '--dns.interval', `${DNS_EVERY_MS}ms`],
    ...(ntpServer === undefined ? [] : ['--ntp.servers', ntpServer, '--ntp.interval', `${NTP_EVERY_MS}ms`]),
  ];
}

async function startBlackbox({ bed, targets, dnsServer, hosts }: ProbeWorld, closers: Closers): Promise<Subject[]> {
  const version = blackboxVersion();
  if (version === undefined) {
    console.log('\nblackbox_exporter: left out, needs the package prometheus-blackbox-exporter');
    return [];
  }
  const rates = { dialEveryMs: DIAL_EVERY_MS, dnsEveryMs: DNS_EVERY_MS };
  const { program, driven, close } = await Blackbox.start(bed, NODES.blackbox, {
    ...{ dials: [...targets.values()], dnsServer, hosts, ...rates },
  });
  closers.push(close);
  const made = (): Promise<Made> => {
    const of = (what: string): number => (driven()[what]?.good ?? 0) + (driven()[what]?.bad ?? 0);
    return Promise.resolve({ dials: of('dials'), queries: of('queries') });
  };
  const subject = { name: `blackbox_exporter ${version}`, program, made };
  await check(subject, TARGETS);
  if ((driven()['dials']?.good ?? 0) === 0) throw new Error(`blackbox_exporter reaches nobody\n${program.error()}`);
  return [subject];
}

/** @throws {Error} unless it dials and looks up */
async function check({ name, program, made }: Subject, dials: number): Promise<void> {
  await eventually(made, (seen) => seen.dials >= dials && seen.queries >= 8, MINUTE_MS).catch((error: unknown) => {
    throw new Error(`${name}: ${program.error()}`, { cause: error });
  });
}

/** What an agent has reported: to ask it would cost it something. Failures are among them. */
async function madeByAgent(server: { readonly url: string; readonly ca: string }, node: string): Promise<Made> {
  const metrics = new ProbeMetrics((await fetchText(server, '/metrics')).text);
  const sum = (...names: string[]): number =>
    names.flatMap((name) => metrics.of(name, { node })).reduce((total, { value }) => total + value, 0);
  return {
    dials: sum('podnet_dial_latency_seconds_count', 'podnet_dial_errors_total'),
    queries: 2 * sum('podnet_dns_latency_seconds_count', 'podnet_dns_errors_total'),
  };
}

/** The parts are multiples of the time between two reports, so that as many of them are in each. */
async function watch(subjects: readonly Subject[], world: ProbeWorld, options: ProbeBenchOptions): Promise<Seen[]> {
  const { minutes, signal } = options;
  const wholeReports = (ms: number): number => Math.max(1, Math.round(ms / INTERVAL_MS)) * INTERVAL_MS;
  const lookAfter = async (ms: number): Promise<Look[]> => {
    await delay(ms, undefined, { signal });
    return Promise.all(subjects.map(look));
  };
  const settled = await lookAfter(wholeReports(Math.min(MINUTE_MS, (minutes * MINUTE_MS) / 4)));
  const half = await lookAfter(wholeReports((minutes * MINUTE_MS) / 2));
  const end = await lookAfter(wholeReports((minutes * MINUTE_MS) / 2));
  world.silence();
  const from = await lookAfter(2 * INTERVAL_MS);
  const to = await lookAfter(wholeReports(Math.min(3, minutes / 2) * MINUTE_MS));
  return subjects.flatMap(({ name }, i) => {
    const looks = [settled[i], half[i], end[i], from[i], to[i]] as const;
    const [first, middle, last, outageFrom, outageTo] = looks;
    if (!first || !middle || !last || !outageFrom || !outageTo) return [];
    return [{ name, settled: first, half: middle, end: last, outage: [outageFrom, outageTo] as const }];
  });
}

async function look({ name, program, made }: Subject): Promise<Look> {
  const { pid, exitCode } = program.child;
  if (pid === undefined || exitCode !== null) throw new Error(`${name} ended: ${program.error()}`);
  return { atMs: performance.now(), cost: processCost(pid), made: await made() };
}

function print(seen: readonly Seen[], { minutes }: ProbeBenchOptions, { ntpServer, hosts }: ProbeWorld): void {
  const asked = [
    `${TARGETS} dialled every ${DIAL_EVERY_MS / 1_000} s`,
    `A and AAAA of ${hosts.length} names over UDP and TCP every ${DNS_EVERY_MS / 1_000} s`,
    ...(ntpServer === undefined ? [] : [`a time server every ${NTP_EVERY_MS / 1_000} s`]),
  ];
  const columns = ['CPU a min', 'of a core', 'dials', 'queries', 'RSS 1 min', 'at the end', 'anonymous'];
  console.log(
    `\nRole probe as shipped: ${asked.join(', ')}; two halves of ${minutes / 2} min each; dials and queries a minute`,
  );
  console.log(wideRow('what', columns));
  const [ours] = seen;
  for (const one of seen) {
    const { name, settled, half, end, outage } = one;
    const memory = [settled.cost.rssMiB, end.cost.rssMiB, end.cost.anonymousMiB].map((mib) => `${mib.toFixed(1)} MiB`);
    console.log(wideRow(name, [...rates(half, end), ...memory], one === ours || !ours ? '' : versus(ours, one)));
    console.log(wideRow('  in the first half', rates(settled, half)));
    console.log(wideRow('  then, while nobody dialled answers', rates(...outage)));
  }
}

function rates(from: Look, to: Look): string[] {
  const aMinute = (grown: number): number => (grown * MINUTE_MS) / (to.atMs - from.atMs);
  const cpuMs = aMinute(to.cost.cpuMs - from.cost.cpuMs);
  const made = [to.made.dials - from.made.dials, to.made.queries - from.made.queries];
  const share = `${((cpuMs / MINUTE_MS) * 100).toFixed(3)} %`;
  return [`${cpuMs.toFixed(0)} ms`, share, ...made.map((grown) => aMinute(grown).toFixed(1))];
}

function versus(ours: Seen, theirs: Seen): string {
  const cpu = (ours.end.cost.cpuMs - ours.half.cost.cpuMs) / (theirs.end.cost.cpuMs - theirs.half.cost.cpuMs);
  const rss = ours.end.cost.rssMiB / theirs.end.cost.rssMiB;
  return `"${ours.name}" takes ${cpu.toFixed(2)} of its CPU, ${rss.toFixed(2)} of its RSS`;
}

/** What the agent did not count, by its own account, now that it may cost something to ask. */
async function leftOut({ bed }: ProbeWorld): Promise<string> {
  const client = bed.start(NODES.agent, 'curl', '-sS', 'http://127.0.0.1:9808/metrics');
  await client.ended;
  if (!client.out().includes('\npodnet_nodeagent_event_loop_delay_seconds_count ')) throw new Error(client.error());
  const counters = [...client.out().matchAll(/^podnet_nodeagent_probes_left_out_total\{(.*)\} (\d+)$/gm)];
  const named = counters.flatMap(([, labels = '', value]) => (value === '0' ? [] : [`${labels}: ${value}`]));
  return `probes that "${PROBE_NAME}" left out: ${named.join('; ') || 'none'}`;
}
