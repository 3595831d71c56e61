import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choice, duration, hostPort, list, optionalText, port, text, toggle } from '../../../runtime/options/kinds.js';
import { parseOptions, type Program } from '../../../runtime/options/parse.js';

const options = {
  securePort: port({ flag: 'secure-port', default: 6443, help: 'Port.' }),
  name: text({ flag: 'name', default: 'x', help: 'Name.' }),
  file: optionalText({ flag: 'tls-cert-file', help: 'File.' }),
  level: choice({ flag: 'log-level', choices: ['info', 'warn'], default: 'info', help: 'Level.' }),
  interval: duration({ flag: 'interval', default: 15_000, min: 100, max: 60_000, help: 'Interval.' }),
  server: list({ flag: 'server', help: 'Servers.' }),
  procfs: text({ flag: 'path.procfs', default: '/proc', help: 'Procfs.' }),
  collect: toggle({ flag: 'collector.interfaces', default: true, help: 'Collect.' }),
  listen: hostPort({ flag: 'listen-address', default: { host: '127.0.0.1', port: 9808 }, help: 'Listen.' }),
};
const program: Program<typeof options> = { name: 'podnet test', summary: 'A test.', version: '1.2.3', options };

function run(argv: readonly string[], env: Record<string, string> = {}) {
  const invocation = parseOptions(program, argv, env);
  assert.equal(invocation.kind, 'run');
  return invocation.options;
}

function refused(argv: readonly string[], env: Record<string, string> = {}): readonly string[] {
  const invocation = parseOptions(program, argv, env);
  assert.equal(invocation.kind, 'refuse');
  return invocation.errors;
}

test('without arguments every option has its default', () => {
  const { securePort, file, level, interval, server, collect } = run([]);
  assert.deepEqual(
    { securePort, file, level, interval, server, collect },
    { securePort: 6443, file: undefined, level: 'info', interval: 15_000, server: [], collect: true },
  );
});

test('flags are read in both spellings, lists repeated or with commas', () => {
  const parsed = run([
    '--secure-port=8443',
    '--interval',
    '250ms',
    '--server',
    'a,b',
    '--server',
    'c',
    '--no-collector.interfaces',
    '--path.procfs',
    '/host/proc',
    '--listen-address',
    '[::1]:0',
  ]);
  assert.equal(parsed.securePort, 8_443);
  assert.equal(parsed.interval, 250);
  assert.deepEqual(parsed.server, ['a', 'b', 'c']);
  assert.equal(parsed.collect, false);
  assert.equal(parsed.procfs, '/host/proc');
  assert.deepEqual(parsed.listen, { host: '::1', port: 0 });
});

test('every flag has a twin in the environment, and the flag wins', () => {
  const env = {
    PODNET_SECURE_PORT: '1',
    PODNET_COLLECTOR_INTERFACES: 'false',
    PODNET_PATH_PROCFS: '/p',
    PODNET_SERVER: 'a,b',
  };
  const parsed = run(['--secure-port', '2'], env);
  assert.deepEqual([parsed.securePort, parsed.collect, parsed.procfs, parsed.server], [2, false, '/p', ['a', 'b']]);
});

test('all wrong values are told at once, each with where it came from', () => {
  assert.deepEqual(
    refused(['--secure-port', '99999', '--interval', '15'], { PODNET_LOG_LEVEL: 'loud', PODNET_LISTEN_ADDRESS: 'x' }),
    [
      '--secure-port: must be a port, 0 to 65535, not "99999"',
      'PODNET_LOG_LEVEL: must be one of info, warn, not "loud"',
      '--interval: must be a duration with a unit, such as 15s or 5m, not "15"',
      'PODNET_LISTEN_ADDRESS: must be host:port, not "x"',
    ],
  );
});

test('a duration out of its range says the range', () => {
  assert.deepEqual(refused(['--interval', '2m']), ['--interval: must be between 100ms and 60s, not 2m']);
});

test('an unknown flag is refused', () => {
  assert.match(refused(['--secure-prot', '1'])[0] ?? '', /unknown option '--secure-prot'/);
});

test('--help names every flag, its default and its twin', () => {
  const invocation = parseOptions(program, ['--help'], {});
  assert.equal(invocation.kind, 'print');
  const help = invocation.text.replace(/\s+/g, ' ');
  for (const { flag } of Object.values(options)) assert.ok(help.includes(`--${flag}`), flag);
  assert.match(help, /Interval\. \(default: 15s; env: PODNET_INTERVAL\)/);
  assert.match(help, /Collect\. \(default: on; off: --no-collector\.interfaces; env: /);
});

test('--version prints the version', () => {
  assert.deepEqual(parseOptions(program, ['--version'], {}), { kind: 'print', text: '1.2.3\n' });
});

const aliasedOptions = {
  on: toggle({ flag: 'on', default: false, help: 'On.', aliases: [{ name: 'OLD_ON' }] }),
  wait: duration({
    flag: 'wait',
    ...{ default: 5_000, min: 1_000, max: 60_000, help: 'Wait.' },
    aliases: [{ name: 'OLD_WAIT', read: readSeconds }, { name: 'OLDER_WAIT' }],
  }),
  tags: list({ flag: 'tags', help: 'Tags.', aliases: [{ name: 'OLD_TAGS' }] }),
};
const aliased: Program<typeof aliasedOptions> = {
  ...{ name: 'podnet test', summary: 'A test.', version: '1.2.3', options: aliasedOptions },
  isUsed: (flag, { on }) => flag !== 'wait' || on,
};

function readSeconds(text: string): string {
  if (!/^\d+$/.test(text)) throw new TypeError(`must be seconds, not "${text}"`);
  return `${text}s`;
}

test('an option may have other names in the environment, the first that is set counts', () => {
  const waitOf = (argv: readonly string[], env: Record<string, string>) => {
    const invocation = parseOptions(aliased, argv, env);
    assert.equal(invocation.kind, 'run');
    return invocation.options.wait;
  };
  const env = { PODNET_WAIT: '4s', OLD_WAIT: '3', OLDER_WAIT: '2s' };
  assert.equal(waitOf(['--wait', '5s'], env), 5_000);
  assert.equal(waitOf([], env), 4_000);
  assert.equal(waitOf([], { ...env, PODNET_WAIT: '' }), 3_000);
  assert.equal(waitOf([], { ...env, PODNET_WAIT: '', OLD_WAIT: '' }), 2_000);
  const parsed = parseOptions(aliased, [], { OLD_ON: 'true', OLD_TAGS: 'a, b' });
  assert.deepEqual(parsed, { kind: 'run', options: { on: true, wait: 5_000, tags: ['a', 'b'] } });
});

test('a wrong value is told with the other name, unless the option means nothing', () => {
  assert.deepEqual(parseOptions(aliased, ['--on'], { OLD_WAIT: 'x' }), {
    kind: 'refuse',
    errors: ['OLD_WAIT: must be seconds, not "x"'],
  });
  assert.deepEqual(parseOptions(aliased, ['--on'], { OLD_WAIT: '90' }), {
    kind: 'refuse',
    errors: ['OLD_WAIT: must be between 1s and 60s, not 90s'],
  });
  assert.equal(parseOptions(aliased, [], { OLD_WAIT: 'x' }).kind, 'run');
  assert.equal(parseOptions(aliased, [], { PODNET_WAIT: 'x' }).kind, 'refuse');
});

test('--help names them after the twin', () => {
  const invocation = parseOptions(aliased, ['--help'], {});
  assert.equal(invocation.kind, 'print');
  assert.match(invocation.text.replace(/\s+/g, ' '), /Wait\. \(default: 5s; env: PODNET_WAIT, OLD_WAIT, OLDER_WAIT\)/);
});
