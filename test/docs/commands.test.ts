// Every command of every document, in blocks, tables and sentences, is looked at: run here or where the list below says. Of what takes minutes,
// root, an image or a Kubernetes of its own the flags are read (npm, podnet, helm), or what would be applied is rendered (kubectl apply -k).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { apiserverProgram } from '../../apiserver/options.js';
import { demoProgram } from '../../cli/demo/main.js';
import { metricsProgram } from '../../cli/metrics.js';
import { migrateProgram } from '../../cli/migrate/main.js';
import { standaloneProgram } from '../../cli/standalone.js';
import { nodeagentProgram } from '../../nodeagent/options.js';
import type { Option, OptionTable } from '../../runtime/options/kinds.js';
import { environmentNames, parseOptions, type Program } from '../../runtime/options/parse.js';
import { VERSION } from '../../runtime/version.js';
import { clusterTestProgram } from '../cluster/options.js';
import { simulateProgram } from '../simulate/options.js';
import { run, type Run } from '../support/bundle.js';
import { populate } from '../support/documented-cluster.js';
import { commandsOf, filledIn, isPipeline, wordsOf, type DocumentedCommand } from '../support/documented-commands.js';
import { kustomizationOf } from '../support/documented-kustomization.js';
import { blocksOf, documents } from '../support/markdown.js';
import { eventually } from '../support/programs.js';
import { whyMissing } from '../support/requirements.js';
import { register, startServedCluster, type ServedCluster } from '../support/served-cluster.js';

const PODNET = fileURLToPath(new URL('../../cli/podnet.js', import.meta.url));
const RUN_MS = 30_000;

/** Commands that this test does not run, and why; what stands behind it is where they are run. */
const ELSEWHERE: readonly (readonly [pattern: RegExp, where: string])[] = [
  [/^npm ci$/, 'what installed this test: .ci/run'],
  [/^npm test$/, 'this is a part of it: .ci/run'],
  [
    /^npm run bench$/,
    'takes minutes, and measures: by hand, its figures in docs/benchmarks.md; its parts in test/bench',
  ],
  [/^helm (install|upgrade) /, 'helm.test.ts beside this one renders the chart with their values'],
  [/^helm uninstall /, 'test/manifests/chart-install.test.ts takes a release away'],
  [/^(docker|buildah) push /, 'needs a registry'],
  [/^kind load /, 'needs a cluster of kind'],
  [/^(docker|buildah) /, 'test/image builds the image and runs both programs from it, with buildah and containerd'],
  [/^node scripts\/image\.mjs/, 'test/image builds by it'],
  [
    /^(grep .*podnet\.cdx\.json|sha256sum node)$/,
    'of what docker copied out of the image, which test/image holds to each other',
  ],
  [/^aws /, 'needs an account; test/cli/migrate reads what it prints'],
  [/^amtool /, 'needs an Alertmanager, of which the alert is known; test/dashboards has the alerts'],
  [/^kubectl .*\/proxy\//, 'the small cluster has no proxy to Services; test/apiserver asks /readyz?verbose'],
  [/^kubectl .* exec .* -- podnet /, 'test/manifests/exec.test.ts, in the pods of several renderings'],
  [/^kubectl .*\btop pods?\b/, 'asks metrics-server'],
  [/^kubectl get certificates/, 'a kind of cert-manager'],
  [/^kubectl get events/, 'the small cluster has no events'],
];

/** Programs that npm starts with flags of their own, which are read here; to run them takes minutes, root or a cluster. */
const NPM_PROGRAMS: Readonly<Record<string, { readonly refused: (argv: readonly string[]) => string[] }>> = {
  apiserver: reader(apiserverProgram(VERSION)),
  nodeagent: reader(nodeagentProgram(VERSION, 'host')),
  demo: reader(demoProgram('host')),
  simulate: reader(simulateProgram),
  'test:e2e': reader(clusterTestProgram),
  'bench:agent': { refused: (argv) => argv.filter((word) => word.startsWith('--') && !benchUsage().includes(word)) },
};

const PODNET_PROGRAMS: Readonly<Record<string, { readonly refused: (argv: readonly string[]) => string[] }>> = {
  apiserver: reader(apiserverProgram(VERSION)),
  nodeagent: reader(nodeagentProgram(VERSION, 'host')),
  metrics: reader(metricsProgram(VERSION)),
  migrate: reader(migrateProgram()),
  standalone: reader(standaloneProgram('host')),
};

function reader<Table extends OptionTable>(program: Program<Table>) {
  return {
    refused: (argv: readonly string[]): string[] => {
      const invocation = parseOptions(program, argv, {});
      return invocation.kind === 'refuse' ? [...invocation.errors] : [];
    },
  };
}

/** It has no table of options, but a text. */
function benchUsage(): string {
  return readFileSync('test/bench/agent-process.ts', 'utf8');
}

const COMMANDS = documents()
  .flatMap(commandsOf)
  // Once of what is looked at again and again.
  .map((command) => ({
    ...command,
    text: command.text.replace(/^watch -n \d+ /, '').replace(/^node dist\/podnet\.mjs /, 'podnet '),
  }));
const isElsewhere = ({ text }: DocumentedCommand): boolean => ELSEWHERE.some(([one]) => one.test(text));
/** Each once, however often it is documented. */
const of = (pattern: RegExp): DocumentedCommand[] =>
  COMMANDS.filter(
    (command, i) =>
      pattern.test(command.text) &&
      !isElsewhere(command) &&
      COMMANDS.findIndex(({ text, shown }) => text === command.text && shown === command.shown) === i,
  );

test('every command is one that is run here, or is known to be run elsewhere', () => {
  const known = /^(kubectl|curl|npm (start|run [\w:]+)|podnet|[A-Z]+=|sed)( |=|$)|^[A-Z]+=/;
  const unknown = COMMANDS.filter((command) => !known.test(command.text) && !isElsewhere(command));
  assert.deepEqual(
    unknown.map(({ place, text }) => `${place}: ${text}`),
    [],
  );
  assert.ok(COMMANDS.length > 40, `only ${COMMANDS.length} are found`);
});

describe('npm', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  for (const { place, text } of of(/^npm run /)) {
    test(`${place}: ${text}`, () => {
      const [, , script = '', dashes, ...argv] = wordsOf(text);
      assert.ok(Object.hasOwn(scripts, script), `package.json has no script ${script}`);
      if (dashes === undefined) return;
      assert.equal(dashes, '--', 'npm keeps what does not stand behind "--"');
      const program = NPM_PROGRAMS[script] ?? assert.fail(`whose flags are these: ${script}`);
      assert.deepEqual(program.refused(argv), []);
    });
  }
});

describe('podnet', () => {
  for (const { place, text } of of(/^podnet /)) {
    test(`${place}: ${text}`, () => {
      const [, command = '', ...argv] = wordsOf(text);
      const program = PODNET_PROGRAMS[command] ?? assert.fail(`no such command: ${command}`);
      assert.deepEqual(program.refused(argv), []);
    });
  }
});

describe('shell scripts', () => {
  const blocks = documents().flatMap(blocksOf);
  for (const { file, line, lines } of blocks.filter(
    ({ language, lines: [first = ''] }) => language === 'sh' && /^[A-Z]+=/.test(first),
  )) {
    test(`${file}:${line} does what it says`, async (t) => {
      const directory = await mkdtemp(join(tmpdir(), 'podnet-script-'));
      t.after(() => rm(directory, { recursive: true }));
      await symlink(join(process.cwd(), 'manifests'), join(directory, 'manifests'));
      const shell = run('sh', ['-euc', `cd ${directory}\n${lines.join('\n')}`]);
      assert.equal(await shell.ended, 0, shell.error());
      const made = (await readdir(directory)).filter((name) => name !== 'manifests');
      assert.notDeepEqual(made, [], 'it makes no file');
    });
  }
});

describe('the first steps of the README', { skip: whyMissing('curl') }, () => {
  let start: Run;
  let url: string;
  before(async () => {
    // On other ports, which may be taken here.
    const ports = ['--secure-port', '0', '--listen-address', '127.0.0.1:0'];
    start = run('npm', ['start', '--', ...ports], { ownGroup: true });
    const out = await eventually(
      () => start.out(),
      (text) => /serving on \S+,/.test(text) || start.child.exitCode !== null,
      RUN_MS,
    );
    url = /serving on (\S+),/.exec(out)?.[1] ?? assert.fail(`${out}${start.error()}`);
  });
  after(async () => {
    // Ctrl-C, which reaches npm, its shell and podnet.
    if (start.child.pid !== undefined) process.kill(-start.child.pid, 'SIGINT');
    await start.ended;
  });

  for (const { place, text } of of(/^curl /)) {
    test(`${place}: ${text}`, async () => {
      assert.ok(of(/^npm start$/).some((one) => one.place.startsWith('README.md')));
      assert.match(text, /https:\/\/127\.0\.0\.1:6443/, 'where npm start serves');
      const [, ...argv] = wordsOf(text.replace('https://127.0.0.1:6443', url));
      const out = await eventually(
        async () => {
          const client = run('curl', ['-sS', '-g', ...argv]);
          assert.equal(await client.ended, 0, client.error());
          return client.out();
        },
        (seen) => seen.includes('"value"'),
      );
      assert.match(out, /"kind": ?"MetricValueList"/);
    });
  }
});

describe('kubectl', { skip: whyMissing('kubectl') }, () => {
  let served: ServedCluster;
  let directory: string;

  before(async () => {
    served = await startServedCluster(['--max-series', '1000'], ({ api }) => populate.objects(api));
    await populate.reports(served);
    directory = await mkdtemp(join(tmpdir(), 'podnet-commands-'));
    await writeFile(join(directory, 'ca.crt'), served.ca);
    // As the programs are called in the image.
    await writeFile(join(directory, 'podnet'), `#!/bin/sh\nexec ${process.execPath} ${PODNET} "$@"\n`, { mode: 0o755 });
  });
  after(async () => {
    await served.close();
    await rm(directory, { recursive: true });
  });

  const environment = (): Record<string, string> => ({
    ...{ HOME: directory, KUBECONFIG: served.cluster.kubeconfig },
    PATH: `${directory}:${process.env['PATH'] ?? ''}`,
  });
  const pipeline = async (text: string): Promise<void> => {
    const shell = run('sh', ['-ec', unvalidated(filledIn(text))], { env: environment() });
    assert.equal(await shell.ended, 0, `${shell.error()}${shell.out()}`);
    assert.notEqual(shell.out(), '', shell.error());
  };
  const kubectl = async (argv: readonly string[]): Promise<string> => {
    const client = run('kubectl', argv, { env: environment() });
    assert.equal(await client.ended, 0, `${client.error()}${client.out()}`);
    if (!argv.includes('--ignore-not-found')) assert.notEqual(client.out(), '', client.error());
    return client.out();
  };

  const commands = of(/^kubectl /).sort((a, b) => turnOf(a) - turnOf(b));
  for (const { place, text, shown } of commands) {
    test(`${place}: ${text}`, async () => {
      if (isPipeline(text)) return pipeline(text);
      const [, ...argv] = wordsOf(text);
      const k = argv.indexOf('-k');
      if (k >= 0) {
        const rendered = await kubectl(['kustomize', kustomizationOf(place, argv[k + 1] ?? '', directory)]);
        if (argv[k + 1] === '.') assert.match(rendered, / image: registry\.example\/podnet:/);
      } else if (argv.includes('apply')) {
        await kubectl([...argv, NO_VALIDATION]);
      } else if (argv.includes('create') || argv.includes('set')) {
        // The small cluster reads JSON, and kubectl writes protobuf and strategic patches.
        if (argv.includes('set')) assertVariables(argv);
        await kubectl([...argv, '--dry-run=client', '--output=yaml']);
      } else {
        if (text.includes('delete apiservices')) register(served.cluster, served.port);
        assertShows(await kubectl(argv), shown);
      }
    });
  }
});

/** The small cluster has no OpenAPI of Kubernetes' own types; test/manifests checks them. */
const NO_VALIDATION = '--validate=false';

function unvalidated(pipeline: string): string {
  return pipeline.replaceAll('kubectl apply ', `kubectl apply ${NO_VALIDATION} `);
}

/** kubectl set env <workload> NAME=value … or NAME-: as flags they would be taken. */
function assertVariables(argv: readonly string[]): void {
  const variables = argv.flatMap((word) => {
    const [, name] = /^([A-Z_]+)(?:=.+|-)$/.exec(word) ?? [];
    return name ?? [];
  });
  const program = argv.some((word) => word.includes('apiserver'))
    ? apiserverProgram(VERSION)
    : nodeagentProgram(VERSION, 'host');
  const names = new Set(Object.values<Pick<Option<unknown>, 'flag'>>(program.options).flatMap(environmentNames));
  for (const name of variables) assert.ok(names.has(name), `${program.name} does not read ${name}`);
  assert.ok(variables.length > 0);
}

/** The document shows the columns of a table, or how JSON begins. */
function assertShows(out: string, shown: string): void {
  const [first = ''] = out.split('\n');
  const [beginning = ''] = shown.split('…');
  if (shown.startsWith('NAME')) assert.deepEqual(first.split(/ +/), shown.split(/ +/));
  else assert.ok(first.startsWith(beginning), `${first} does not begin as ${beginning}`);
}

/** What others ask for is applied first, and deleted last. */
function turnOf(command: DocumentedCommand): number {
  return isDelete(command) ? 2 : Number(!command.text.includes(' apply -f '));
}

function isDelete({ text }: Pick<DocumentedCommand, 'text'>): boolean {
  return / delete /.test(text);
}
