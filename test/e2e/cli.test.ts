// The bundle as a user starts it.
import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { makeBundle, run, type Bundle, type Run } from '../support/bundle.js';
import { eventually } from '../support/programs.js';
import { missing } from '../support/requirements.js';

const FREE_PORTS = ['--secure-port', '0', '--listen-address', '127.0.0.1:0'];

describe('podnet', () => {
  let bundle: Bundle;
  before(async () => {
    bundle = await makeBundle();
  });
  after(() => bundle.remove());

  const podnet = (args: readonly string[], env: Record<string, string> = {}) =>
    run(process.execPath, [bundle.file, ...args], { env });

  /** The URL that an invitation gives. */
  async function urlOf(program: Run): Promise<string> {
    const invitation = await eventually(
      () => program.out(),
      (text) => /serving on (\S+),/.test(text) || program.child.exitCode !== null,
    );
    return /serving on (\S+),/.exec(invitation)?.[1] ?? assert.fail(`${invitation}${program.error()}`);
  }

  async function curl(url: string): Promise<string> {
    const client = run('curl', ['-ksS', '-g', url]);
    assert.equal(await client.ended, 0, client.error());
    return client.out();
  }

  /** Starts standalone, asks as the invitation says, ends it with Ctrl-C. */
  async function assertServes(program: Run): Promise<void> {
    try {
      const url = await urlOf(program);
      const path = '/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/network_receive_bytes_per_second';
      assert.ok(program.out().includes(`curl -k '${url}${path}'`));
      const list = await eventually(
        async () => JSON.parse(await curl(`${url}${path}`)) as MetricValueListV1Beta2,
        ({ items }) => items.some(({ describedObject }) => describedObject.name === 'host'),
        5_000,
      );
      assert.equal(list.kind, 'MetricValueList');
      assert.match(
        await curl(`${url}/metrics?namespace=default`),
        /podnet_interface_receive_bytes_total\{.*pod="host"/,
      );
      program.child.kill('SIGINT');
      assert.equal(await program.ended, 0, program.error());
      assert.equal(program.error(), '');
    } finally {
      program.child.kill('SIGKILL'); // also when what was expected did not come: it would keep the test alive
    }
  }

  test('standalone shows the interfaces of this machine', { skip: missing('curl') }, async () => {
    await assertServes(podnet(['standalone', ...FREE_PORTS]));
  });

  test('standalone works for an ordinary user', { skip: missing('root', 'setpriv', 'curl') }, async () => {
    const nobody = [
      '--reuid',
      '65534',
      '--regid',
      '65534',
      '--clear-groups',
      '--bounding-set',
      '-all',
      '--inh-caps',
      '-all',
    ];
    await assertServes(run('setpriv', [...nobody, process.execPath, bundle.file, 'standalone', ...FREE_PORTS]));
  });

  test('away from a terminal it prints a line a second', async () => {
    const program = podnet(['standalone', ...FREE_PORTS]);
    const lines = () =>
      program
        .out()
        .split('\n')
        .filter((line) => line.includes(' interfaces, receive '));
    await eventually(lines, (seen) => seen.length >= 3);
    program.child.kill('SIGTERM');
    assert.equal(await program.ended, 0);
    const times = lines().map((line) => Date.parse(line.split(' ')[0] ?? ''));
    assert.ok(
      times.every((time, i) => i === 0 || time - (times[i - 1] ?? 0) > 500),
      lines().join('\n'),
    );
    assert.doesNotMatch(program.out(), /\u001b/);
  });

  test('on a terminal the table is drawn again in its place', { skip: missing('script') }, async () => {
    const command = `stty rows 20 cols 60; exec ${process.execPath} ${bundle.file} standalone ${FREE_PORTS.join(' ')}`;
    const program = run('script', ['-qefc', command, '/dev/null'], { env: { SHELL: '/bin/sh', TERM: 'xterm' } });
    const tables = () => program.out().split('POD ').length - 1;
    await eventually(tables, (count) => count >= 3);
    program.child.stdin.write('\u0003'); // Ctrl-C
    assert.equal(await program.ended, 0);
    const text = program.out();
    assert.match(text, /\u001b\[\d+A\r\u001b\[2KPOD +NETWORK +INTERFACE +RECEIVE +TRANSMIT/);
    assert.match(text, /\u001b\[2Khost +\S+ +\S+ +[\d.]+ [kMG]?B\/s +[\d.]+ [kMG]?B\/s/);
    assert.ok(text.endsWith('\u001b[?25h'), 'the cursor is shown again');
  });

  test('each program by itself trusts the certificate that a server wrote', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'podnet-ca-'));
    const file = join(directory, 'ca.crt');
    const server = podnet(['apiserver', '--standalone', '--secure-port', '0', '--write-ca-file', file]);
    const agents: Run[] = [];
    try {
      const log = await eventually(
        () => server.error(),
        (text) => text.includes('"msg":"serving"') || server.child.exitCode !== null,
      );
      const url = /"url":"(https:[^"]+)"/.exec(log)?.[1] ?? assert.fail(log);
      assert.equal((await stat(file)).mode & 0o777, 0o644);
      const from = ['--server', url, '--server-ca-file', file];
      agents.push(podnet(['nodeagent', '--pod-source', 'netns', '--listen-address', '127.0.0.1:0', ...from]));
      const scraped = await eventually(
        async () => {
          const scrape = podnet(['metrics', ...from]);
          assert.equal(await scrape.ended, 0, scrape.error());
          return scrape.out();
        },
        (text) => text.includes('pod="host"'),
        20_000,
      );
      assert.match(scraped, /^podnet_interface_receive_bytes_total\{.*pod="host"/m);
    } finally {
      for (const program of [server, ...agents]) program.child.kill('SIGKILL');
      await rm(directory, { recursive: true });
    }
  });

  test('whoever reads its output may go away', async () => {
    const program = podnet(['standalone', ...FREE_PORTS]);
    await urlOf(program);
    program.child.stdout.destroy();
    assert.equal(await program.ended, 0);
  });

  const REFUSED: readonly (readonly [string, string[], number, RegExp])[] = [
    [
      'a procfs that is not there',
      ['standalone', ...FREE_PORTS, '--path.procfs', '/nowhere'],
      1,
      /^podnet standalone: --path\.procfs \/nowhere: cannot be read: ENOENT.*\n$/,
    ],
    [
      'a procfs that is no procfs',
      ['standalone', ...FREE_PORTS, '--path.procfs', '/etc/hostname'],
      1,
      /^podnet standalone: --path\.procfs \/etc\/hostname: cannot be read: ENOTDIR.*\n$/,
    ],
    [
      'an address that is not loopback',
      ['standalone', '--bind-address', '0.0.0.0'],
      2,
      /^podnet standalone: --bind-address: 0\.0\.0\.0 is not a loopback address, and --standalone has no authentication\n$/,
    ],
    [
      'an apiserver without Kubernetes or --standalone',
      ['apiserver'],
      1,
      /^podnet apiserver: this is not a pod of Kubernetes \(KUBERNETES_SERVICE_HOST is not set\): give --kubeconfig, or --standalone\n$/,
    ],
    [
      'a certificate that is not there',
      ['apiserver', '--standalone', '--tls-cert-file', '/no.crt', '--tls-private-key-file', '/no.key'],
      1,
      /^podnet apiserver: --tls-cert-file: ENOENT.*\n$/,
    ],
    [
      'a certificate that is none',
      ['apiserver', '--standalone', '--tls-cert-file', '/etc/hostname', '--tls-private-key-file', '/etc/hostname'],
      1,
      /^podnet apiserver: --tls-cert-file \/etc\/hostname: .*\n$/,
    ],
    [
      'a file for a certificate that nobody makes',
      ['apiserver', '--standalone', '--write-ca-file', 'ca', '--tls-cert-file', 'c', '--tls-private-key-file', 'k'],
      2,
      /^podnet apiserver: --write-ca-file: no certificate is made with --tls-cert-file, and its authority is yours\n$/,
    ],
    [
      'a file for the certificate of a cluster',
      ['apiserver', '--write-ca-file', 'ca.crt'],
      2,
      /^podnet apiserver: --write-ca-file: only with --standalone: in a cluster a ConfigMap has it\n$/,
    ],
    [
      'a file that cannot be written',
      ['standalone', ...FREE_PORTS, '--write-ca-file', '/nowhere/ca.crt'],
      1,
      /^podnet standalone: --write-ca-file: ENOENT.*\n$/,
    ],
    [
      'a server that is no URL',
      ['nodeagent', '--server', 'localhost'],
      2,
      /^podnet nodeagent: --server: must be https:\/\/host:port, not "localhost"\n$/,
    ],
    [
      'an unknown flag',
      ['standalone', '--secure-prot', '1'],
      2,
      /^podnet standalone: unknown option '--secure-prot'.*\n/,
    ],
    ['an unknown command', ['standalon'], 2, /^podnet: no command "standalon"\n/],
  ];

  for (const [what, args, code, message] of REFUSED) {
    test(`${what} is told in one line, with a non-zero exit`, async () => {
      const program = podnet(args);
      assert.equal(await program.ended, code);
      assert.match(program.error(), message);
      assert.equal(program.out(), '');
    });
  }

  for (const [flag, way] of [
    ['--secure-port', '--secure-port 0 takes a free one \\(npm start -- --secure-port 0\\)'],
    ['--listen-address', '--listen-address chooses another one'],
  ] as const) {
    // Fault of network-metrics-daemon: it runs on where it cannot serve.
    test(`a taken port for ${flag} is told in one line, with a non-zero exit`, async () => {
      const holder = createServer().listen(0, '127.0.0.1').unref();
      await once(holder, 'listening');
      const { port } = holder.address() as { port: number };
      const taken = flag === '--secure-port' ? String(port) : `127.0.0.1:${port}`;
      const program = podnet(['standalone', ...FREE_PORTS, flag, taken]);
      assert.equal(await program.ended, 1);
      assert.match(
        program.error(),
        new RegExp(`^podnet standalone: cannot serve on 127\\.0\\.0\\.1:${port}: .*EADDRINUSE[^;]*; ${way}\n$`),
      );
    });
  }

  test(
    'a directory that an ordinary user may not read is told in one line',
    { skip: missing('root', 'setpriv') },
    async () => {
      const program = run('setpriv', [
        '--reuid',
        '65534',
        '--clear-groups',
        process.execPath,
        bundle.file,
        'standalone',
        ...FREE_PORTS,
        '--path.procfs',
        '/root',
      ]);
      assert.equal(await program.ended, 1);
      assert.match(program.error(), /^podnet standalone: --path\.procfs \/root: cannot be read: EACCES.*\n$/);
    },
  );

  test('help and version go to standard output', async () => {
    for (const [args, text] of [
      [['--help'], /standalone/],
      ...[[], ['apiserver'], ['nodeagent'], ['metrics'], ['standalone'], ['demo']].flatMap((command) => [
        [[...command, '--version'], /^\d+\.\d+\.\d+\n$/] as const,
        [[...command, '-V'], /^\d+\.\d+\.\d+\n$/] as const,
      ]),
      [['version'], /^\d+\.\d+\.\d+\n$/],
      [['-h'], /metrics +print what a scrape/],
      [['metrics', '--help'], /--server-ca-file/],
      [['nodeagent', '--help'], /--path\.procfs/],
    ] as const) {
      const program = podnet(args);
      assert.equal(await program.ended, 0);
      assert.match(program.out(), text);
      assert.equal(program.error(), '');
    }
  });
});
