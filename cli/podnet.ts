import process from 'node:process';
import { VERSION } from '../runtime/version.js';

interface Command {
  /** Left out for a command that only podnet itself runs. */
  readonly summary?: string;
  readonly run: (argv: readonly string[]) => Promise<number>;
}

/** Each loaded when it is asked for: an agent has no use for the memory of a server. */
const COMMANDS: Readonly<Record<string, Command>> = {
  apiserver: {
    summary: 'serve what the agents report',
    run: async (argv) => (await import('../apiserver/main.js')).runApiserver(argv),
  },
  nodeagent: {
    summary: 'read the counters of this node and push them',
    run: async (argv) => (await import('../nodeagent/main.js')).runNodeagent(argv),
  },
  metrics: {
    summary: 'print what a scrape of a server or an agent would give',
    run: async (argv) => (await import('./metrics.js')).runMetrics(argv),
  },
  standalone: {
    summary: 'both on this machine, without Kubernetes',
    run: async (argv) => (await import('./main.js')).runStandalone(argv),
  },
  migrate: {
    summary: 'say what becomes of rules and dashboards of predecessors',
    run: async (argv) => (await import('./migrate/main.js')).runMigrate(argv),
  },
  demo: {
    summary: 'three pods on two networks with known traffic (root)',
    run: async (argv) => (await import('./demo/main.js')).runDemo(argv),
  },
  'demo-pod': { run: async (argv) => (await import('./demo/pod.js')).runDemoPod(argv) },
};

function usage(): string {
  const commands = Object.entries(COMMANDS).flatMap(([name, { summary }]) =>
    summary === undefined ? [] : [`  ${name.padEnd(12)}${summary}`],
  );
  return [
    'Usage: podnet <command> [options]',
    '',
    ...commands,
    '',
    'podnet <command> --help tells the options of a command.',
    '',
  ].join('\n');
}

async function run([name, ...argv]: readonly string[]): Promise<number> {
  if (name === '--version' || name === '-V' || name === 'version') {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(usage());
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    process.stderr.write(`podnet: no command "${name}"\n\n${usage()}`);
    return 2;
  }
  return command.run(argv);
}

// A program ends in its own way when nobody reads its output any more; that its reader went is no failure of ours, a full disk is.
let outputCode = 0;
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  if (code !== 'EPIPE') outputCode = 1;
});
// Of what we cannot say there is nobody to tell.
process.stderr.on('error', () => undefined);
const code = await run(process.argv.slice(2));
// Not by falling off the end: a connection of somebody else must not keep us.
process.exit(code === 0 ? outputCode : code);
