import process from 'node:process';
import { COMPAT_NAMES } from '../../metrics/compat/compat.js';
import { choices, integer, toggle, type OptionValues } from '../../runtime/options/kinds.js';
import type { Program } from '../../runtime/options/parse.js';
import { createProcessIo } from '../../runtime/process-io.js';
import { runProgram, type ProcessIo } from '../../runtime/run-program.js';
import { VERSION } from '../../runtime/version.js';
import { checkFile } from './check.js';
import { FileError, readText } from './files.js';
import type { FileReport } from './finding.js';
import { PREDECESSORS } from './predecessors/all.js';
import { renderJson, renderReports } from './render.js';

const MIGRATE_OPTIONS = {
  check: toggle({
    flag: 'check',
    default: false,
    help: 'Say what becomes of every expression; has to be given, since nothing else can be done. Files are only read.',
  }),
  from: choices({
    flag: 'from',
    choices: COMPAT_NAMES,
    takesAll: true,
    help: 'Predecessors whose series are looked for. Of prometheus-network-shim those are container_network_*, which cAdvisor has as well.',
  }),
  json: toggle({ flag: 'json', default: false, help: 'Print JSON, with everything that the text says.' }),
  maxFiles: integer({
    flag: 'max-files',
    ...{ default: 1_000, min: 1, max: 100_000 },
    help: 'Most files that are read; with more of them none is.',
  }),
  maxFileSize: integer({
    flag: 'max-file-size',
    ...{ default: 16_777_216, min: 1, max: 1_073_741_824 },
    placeholder: 'bytes',
    help: 'Largest file that is read.',
  }),
};
type MigrateOptions = OptionValues<typeof MIGRATE_OPTIONS>;

export function migrateProgram(): Program<typeof MIGRATE_OPTIONS> {
  return {
    name: 'podnet migrate',
    version: VERSION,
    summary:
      'Reads rule files, PrometheusRules, Grafana dashboards, CloudWatch alarms, rules of prometheus-adapter and triggers of KEDA, also in ConfigMaps and Lists, and says for each expression over the series of a predecessor what becomes of it. Exits with 0 where nothing has to be done, 1 where something has, 2 where something could not be read. Needs no cluster and no network.',
    options: MIGRATE_OPTIONS,
    operands: { placeholder: 'files', help: 'Files to read; - is the standard input.' },
    check: ({ check }) => (check ? [] : ['--check: has to be given: nothing else can be done']),
  };
}

/** `podnet migrate`. @returns the exit code, of which 1 says that all was read */
export async function runMigrate(argv: readonly string[]): Promise<number> {
  const io = createProcessIo(argv);
  try {
    return await run(io);
  } catch (error) {
    io.writeError(`podnet migrate: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 2;
  }
}

async function run(io: ProcessIo): Promise<number> {
  let code = 0;
  const started = await runProgram(migrateProgram(), io, async (options, files) => {
    if (files.length > options.maxFiles) {
      io.writeError(`podnet migrate: ${files.length} files are more than --max-files, ${options.maxFiles}\n`);
      code = 2;
      return undefined;
    }
    const reports = await checkFiles(files, options);
    await writeAll((options.json ? renderJson : renderReports)(reports));
    code = exitCode(reports);
    return undefined;
  });
  return started === 0 ? code : started;
}

async function checkFiles(files: readonly string[], options: MigrateOptions): Promise<FileReport[]> {
  const predecessors = PREDECESSORS.filter(({ name }) => options.from.includes(name));
  const reports: FileReport[] = [];
  for (const file of files) {
    try {
      const text = await readText(file, process.stdin, { maxBytes: options.maxFileSize });
      reports.push(checkFile(file, text, predecessors));
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      reports.push({ file, findings: [], others: 0, problems: [{ line: undefined, error: error.message }] });
    }
  }
  return reports;
}

function exitCode(reports: readonly FileReport[]): number {
  const findings = reports.flatMap((report) => report.findings);
  const isIncomplete = reports.some(({ problems }) => problems.length > 0);
  if (isIncomplete || findings.some(({ status }) => status === 'unreadable')) return 2;
  return findings.some(({ status }) => status !== 'works') ? 1 : 0;
}

/** All of it, also to a pipe whose reader is slow: a report that lacks its end is a wrong one. */
async function writeAll(text: string): Promise<void> {
  await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
}
