// What is usually taken for probing: blackbox_exporter, as Debian has it, scraped as Prometheus does it.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Run } from '../support/bundle.js';
import type { ProbeBed } from '../support/probe-bed.js';
import { eventually } from '../support/programs.js';
import { NOBODY } from './agent-run.js';
import type { Driven, Task } from './probe-driver.js';
import { startDriver } from './probe-world.js';

const PROGRAM = 'prometheus-blackbox-exporter';
const ADDRESS = '127.0.0.1:9115';

/** What it is to probe, by addresses and ports. */
export interface Targets {
  readonly dials: readonly string[];
  readonly dialEveryMs: number;
  readonly dnsServer: string;
  readonly hosts: readonly string[];
  readonly dnsEveryMs: number;
}

/** Its version, such as `0.23.0`; undefined: Debian's package of that name is not installed. */
export function blackboxVersion(): string | undefined {
  try {
    const printed = execFileSync(PROGRAM, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return /version (\S+)/.exec(printed)?.[1] ?? 'of an unknown version';
  } catch {
    return undefined;
  }
}

/** A blackbox exporter and what scrapes it, on a node of a bed. */
export class Blackbox {
  private constructor(
    readonly program: Run,
    readonly driven: () => Driven,
    readonly close: () => Promise<void>,
  ) {}

  /** As uid 65534. The bed kills both. */
  static async start(bed: ProbeBed, node: string, targets: Targets): Promise<Blackbox> {
    const directory = await mkdtemp(join(tmpdir(), 'podnet-blackbox-'));
    await chmod(directory, 0o755);
    const lookups = lookupsOf(targets);
    const file = join(directory, 'blackbox.yml');
    const modules = Object.fromEntries(lookups.map(({ name, dns }) => [name, { prober: 'dns', timeout: '2s', dns }]));
    const dial = { prober: 'tcp', timeout: '5s', tcp: { preferred_ip_protocol: 'ip4' } };
    await writeFile(file, JSON.stringify({ modules: { ...modules, dial } })); // JSON is YAML
    const program = bed.start(
      node,
      ...[...NOBODY, PROGRAM, `--config.file=${file}`, `--web.listen-address=${ADDRESS}`],
    );
    await eventually(
      () => program.error(),
      (log) => log.includes('Listening on'),
      20_000,
    );
    const probe = (module: string, target: string): string =>
      `http://${ADDRESS}/probe?${new URLSearchParams({ module, target }).toString()}`;
    const { dials, dnsServer, dialEveryMs, dnsEveryMs } = targets;
    const tasks: Task[] = [
      ...dials.map((target) => ({ what: 'dials', url: probe('dial', target), everyMs: dialEveryMs })),
      ...lookups.map(({ name }) => ({ what: 'queries', url: probe(name, dnsServer), everyMs: dnsEveryMs })),
    ];
    return new Blackbox(program, startDriver(bed, node, tasks), () => rm(directory, { recursive: true }));
  }
}

/** A module asks for one type of one name: those of the addresses are two. */
function lookupsOf({ hosts }: Targets) {
  return hosts.flatMap((host, i) =>
    ['udp', 'tcp'].flatMap((protocol) =>
      ['A', 'AAAA'].map((type) => ({
        name: `${protocol}_${type}_${i}`,
        dns: {
          ...{ query_name: host, query_type: type, transport_protocol: protocol, preferred_ip_protocol: 'ip4' },
          validate_answer_rrs: { fail_if_none_matches_regexp: ['.+'] }, // an empty answer is a failure to us, too
        },
      })),
    ),
  );
}
