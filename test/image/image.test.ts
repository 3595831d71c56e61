// The image is built by its Dockerfile, with buildah, and both programs are run from it by containerd as a cluster would run them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { HOST_CGROUPS } from '../support/agent-node.js';
import { Containerd, CONTAINERD_REQUIREMENTS } from '../support/containerd.js';
import { readKernelCounters } from '../support/containerd/network.js';
import { BuiltImage } from '../support/image/built-image.js';
import { assertIsRestricted, ImagePod, type ProgramSpec } from '../support/image/image-pod.js';
import { createKubeApi } from '../support/kube-api.js';
import { PodObjects } from '../support/pod-objects.js';
import { createCertificateFiles, eventually, fetchText } from '../support/programs.js';
import { freePort } from '../support/prometheus.js';
import { missing } from '../support/requirements.js';

const BOM = 'usr/share/sbom/podnet.cdx.json';
const NODE = 'usr/local/bin/node';
const LIBRARY = 'usr/lib/podnet';
const NODE_NAME = 'node-of-the-image';
/** The aim is 1 s; how busy the machine of a test is nobody knows. */
const START_BOUND_SECONDS = 10;
/** What sizes in the documentation may be off by before somebody has to look: a share of them, or MiB. */
const SIZE_TOLERANCE = { share: 0.1, mib: 0.5 };

interface Component {
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}
interface Bom {
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

const { version: VERSION } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const git = (...args: string[]): string =>
  execFileSync('git', ['-c', `safe.directory=${process.cwd()}`, ...args], { encoding: 'utf8' }).trim();

describe('the image', { skip: missing(...CONTAINERD_REQUIREMENTS, 'buildah', 'apt-get', 'dpkg-deb') }, () => {
  let image: BuiltImage;
  let containerd: Containerd;
  const told: string[] = [];
  before(async () => {
    image = await BuiltImage.build((text) => told.push(text));
    containerd = await Containerd.start({ prefix: 'pnim', octet: 248 });
    await containerd.importImage(image.archive);
  });
  after(async () => {
    await containerd?.close();
    await image?.remove();
  });

  const readBom = async (): Promise<Bom> => JSON.parse(await image.read(BOM)) as Bom;
  const npmPartOf = ({ components }: Bom): Component[] => components.filter(({ purl }) => purl.startsWith('pkg:npm/'));

  test('it runs podnet as nobody, and says which it is', () => {
    const { User, Entrypoint, Cmd, StopSignal, Volumes, Labels = {} } = image.config;
    assert.deepEqual(
      { User, Entrypoint, Cmd, StopSignal, Volumes },
      { User: '65534:65534', Entrypoint: ['podnet'], Cmd: undefined, StopSignal: 'SIGTERM', Volumes: undefined },
    );
    const label = (name: string): string | undefined => Labels[`org.opencontainers.image.${name}`];
    assert.deepEqual([label('title'), label('version'), label('licenses')], ['podnet', VERSION, 'Apache-2.0']);
    assert.equal(label('revision')?.replace(/-dirty$/, ''), git('rev-parse', 'HEAD'));
  });

  test('a build without arguments bears the version of the package', () => {
    assert.equal(/^ARG VERSION=(\S+)/m.exec(readFileSync('Dockerfile', 'utf8'))?.[1], VERSION);
  });

  test('the only programs in it are node and podnet', () => {
    const isLibrary = (path: string): boolean => /\.so(\.\d+)*$/.test(path);
    const programs = image.files.filter(({ path, mode }) => /^-.*x/.test(mode) && !isLibrary(path));
    assert.deepEqual(programs.map(({ path }) => path).sort(), [`${LIBRARY}/podnet.mjs`, NODE]);
  });

  test('nothing in it is setuid, and only root may write it', () => {
    assert.ok(image.files.length > 100);
    for (const { path, mode, owner } of image.files) {
      assert.match(mode, /^([-d]rw[-x]r-[-x]r-[-x]|lrwxrwxrwx)$/, path);
      assert.equal(owner, '0/0', path);
    }
  });

  test('podnet has machine code of its platform alone, and no source maps', () => {
    const files = image.files.map(({ path }) => path).filter((path) => path.startsWith(LIBRARY) && !path.endsWith('/'));
    assert.deepEqual(
      files.filter((path) => path.endsWith('.node')),
      [`${LIBRARY}/node_modules/@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`],
    );
    assert.deepEqual(
      files.filter((path) => !/\.(mjs|js|json|node|md)$/.test(path)),
      [],
    );
  });

  test('a layer of its own has what changes with Node and Debian alone', () => {
    const [system = [], podnet = [], ...others] = image.layers.map((layer) => layer.map(({ path }) => path));
    assert.deepEqual(others, []);
    assert.ok(system.includes(NODE) && podnet.includes(`${LIBRARY}/podnet.mjs`));
    assert.deepEqual(
      system.filter((path) => basename(path).includes('podnet')),
      [],
    );
  });

  test('every file has the time of the commit, whenever it is built', () => {
    const commit = Number(git('log', '-1', '--format=%ct'));
    const times = image.files.map(({ path }) => lstatSync(join(image.root, path)).mtimeMs / 1_000);
    assert.deepEqual([...new Set(times)], [commit]);
  });

  test('the SBOM names node, by version and hash', async () => {
    const node = (await readBom()).components.find(({ name }) => name === 'node');
    const file = join(image.root, NODE);
    assert.equal(`v${node?.version ?? ''}`, execFileSync(file, ['--version'], { encoding: 'utf8' }).trim());
    const content = createHash('sha256').update(readFileSync(file)).digest('hex');
    assert.deepEqual(node?.hashes, [{ alg: 'SHA-256', content }]);
  });

  test('the SBOM names the packages of Debian that files are of', async () => {
    const records = join(image.root, 'var/lib/dpkg/status.d');
    const expected = readdirSync(records).map((name) => {
      const version = /^Version: (.*)$/m.exec(readFileSync(join(records, name), 'utf8'))?.[1];
      return `${name} ${version ?? ''}`;
    });
    const debian = (await readBom()).components.filter(({ purl }) => purl.startsWith('pkg:deb/debian/'));
    assert.deepEqual(debian.map(({ name, version }) => `${name} ${version}`).sort(), expected.sort());
    assert.ok(debian.some(({ name, purl }) => name === 'libc6' && /&distro=debian-\d+$/.test(purl)));
  });

  test('the SBOM names the packages that are in the bundle, and none that is not', async () => {
    const bom = await readBom();
    const names = npmPartOf(bom).map(({ name }) => name);
    for (const name of ['fastify', 'pino', 'koffi', `@koromix/koffi-linux-${process.arch}`])
      assert.ok(names.includes(name), name);
    // the last is a dependency of a dependency in production, and nothing but types
    for (const name of ['esbuild', 'typescript', '@types/node']) assert.ok(!names.includes(name), name);
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
      packages: Record<string, { version?: string; integrity?: string }>;
    };
    const locked = Object.entries(packages).map(
      ([path, one]) => `${path.replace(/^.*node_modules\//, '')} ${one.version ?? ''}`,
    );
    for (const { name, version, hashes } of npmPartOf(bom)) {
      assert.ok(locked.includes(`${name} ${version}`), name);
      assert.equal(hashes?.[0]?.alg, 'SHA-512', name);
    }
    const texts = readdirSync(join(image.root, LIBRARY, 'chunks')).map((file) =>
      readFileSync(join(image.root, LIBRARY, 'chunks', file), 'utf8'),
    );
    const bundled = texts.flatMap((text) => [
      ...text.matchAll(/^\/\/ (?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//gm),
    ]);
    assert.deepEqual(
      [...new Set(bundled.map(([, name]) => name))].filter((name) => !names.includes(name ?? '')),
      [],
    );
  });

  test('the SBOM says of every dependency what it is', async () => {
    const { metadata, components, dependencies } = await readBom();
    const refs = [metadata.component, ...components].map((component) => component['bom-ref']);
    assert.deepEqual([metadata.component.name, metadata.component.version], ['podnet', VERSION]);
    assert.equal(new Set(refs).size, refs.length);
    const named = dependencies.flatMap(({ ref, dependsOn = [] }) => [ref, ...dependsOn]);
    assert.deepEqual([...new Set(named)].sort(), refs.sort());
  });

  test('the license of every package is in it', async () => {
    const notices = await image.read('usr/share/doc/podnet/THIRD-PARTY-LICENSES');
    const titles = [...notices.matchAll(/^={78}\n(\S+ \S+): .+$/gm)].map(([, title]) => title);
    assert.deepEqual(
      titles,
      npmPartOf(await readBom()).map(({ name, version }) => `${name} ${version}`),
    );
    assert.match(notices, /^fastify \S+: MIT\n\n(.*\n)*?.*Permission is hereby granted/m);
    assert.match(await image.read('usr/share/doc/podnet/LICENSE'), /Apache License/);
    assert.match(await image.read('usr/share/doc/node/LICENSE'), /Node\.js/);
    assert.match(await image.read('usr/share/doc/libc6/copyright'), /GNU C Library/i);
  });

  test('its sizes are those of the documentation, to a tenth or half a MiB', (t) => {
    t.diagnostic(told.join(', '));
    t.diagnostic(`\n${image.figures}`);
    const documented = sizesIn(readFileSync('docs/image.md', 'utf8'));
    const measured = sizesIn(image.figures);
    assert.ok(measured.size === 4);
    for (const [what, [mebibytes = NaN, gzip = NaN] = []] of measured) {
      const [asDocumented = NaN, gzipAsDocumented = NaN] = documented.get(what) ?? [];
      const isNear = areNear(mebibytes, asDocumented) && areNear(gzip, gzipAsDocumented);
      assert.ok(
        isNear,
        `${what}: ${mebibytes} and ${gzip} MiB, in docs/image.md ${asDocumented} and ${gzipAsDocumented}: UPDATE_GOLDEN=1`,
      );
    }
  });

  test('it tells its version', async () => {
    const pod = await ImagePod.start(containerd, { name: 'version', args: ['--version'] });
    assert.equal(await pod.ended(), 0);
    assert.match(pod.log(), new RegExp(` stdout F ${VERSION.replaceAll('.', '\\.')}\n$`));
    await pod.remove();
  });

  test('both programs run from it without a right, a file to write or a shell', async (t) => {
    const made = await createCertificateFiles();
    const [, certificate = ''] = made.flags;
    chmodSync(dirname(certificate), 0o755);
    const api = await createKubeApi();
    t.after(() => Promise.all([made.remove(), api.close()]));
    const uidOf = (n: number): string => `a9e27000-0000-4000-8000-00000000000${n}`;
    const upf = await containerd.createPod({ namespace: 'telco', name: 'upf', uid: uidOf(1) });
    const peer = await containerd.createPod({ namespace: 'telco', name: 'peer', uid: uidOf(2) });
    [upf, peer].forEach((pod) => new PodObjects(api, NODE_NAME).put(pod));
    await containerd.send(peer, upf, { interfaceName: 'eth1', count: 100, payload: 1_000 });

    const start = async (spec: ProgramSpec, isAnswered: () => Promise<boolean>): Promise<ImagePod> => {
      const { pod, seconds } = await ImagePod.startAnswering(containerd, spec, isAnswered);
      const cpu = pod.cpuSeconds().toFixed(2);
      t.diagnostic(
        `${spec.name}: first answer ${seconds.toFixed(2)} s after its start, ${cpu} s of CPU a little later`,
      );
      assert.ok(seconds < START_BOUND_SECONDS, `${spec.name} took ${seconds} s`);
      assertIsRestricted(pod.pid);
      return pod;
    };

    const tls = { hostPath: dirname(certificate), containerPath: '/etc/podnet/tls' };
    const files = ['--tls-cert-file', '/etc/podnet/tls/tls.crt', '--tls-private-key-file', '/etc/podnet/tls/tls.key'];
    const url = `https://127.0.0.1:${await freePort()}`;
    const ask = (path: string) => fetchText({ url, ca: made.ca }, path);
    const server = await start(
      {
        name: 'apiserver',
        args: ['apiserver', '--standalone', '--secure-port', new URL(url).port, ...files],
        mounts: [tls],
      },
      async () => (await ask('/livez')).text === 'ok',
    );
    const kubeconfig = await api.kubeconfig();
    chmodSync(kubeconfig, 0o644);
    const listen = `127.0.0.1:${await freePort()}`;
    const metrics = async (): Promise<string> => (await fetch(`http://${listen}/metrics`)).text();
    const push = ['--server', url, '--server-ca-file', '/etc/podnet/tls/tls.crt', '--interval', '500ms'];
    const read = ['--kubeconfig', '/etc/podnet/kubeconfig', '--path.cgroupfs', HOST_CGROUPS.containerPath];
    const serve = ['--listen-address', listen, '--listen-rate-limit', '1000'];
    const agent = await start(
      {
        name: 'nodeagent',
        args: ['nodeagent', '--node-name', NODE_NAME, ...read, ...serve, ...push],
        env: { NODE_OPTIONS: '--max-semi-space-size=1', MALLOC_ARENA_MAX: '1' },
        mounts: [HOST_CGROUPS, { hostPath: kubeconfig, containerPath: '/etc/podnet/kubeconfig' }, tls],
      },
      async () => (await metrics()) !== '',
    );

    const series = /^podnet_interface_receive_bytes_total\{.*pod="upf",interface="eth1",.*\} (\d+)$/m;
    const served = await eventually(
      async () => series.exec((await ask('/metrics')).text)?.[1],
      (value) => value !== undefined,
    );
    const [received] = (await readKernelCounters(upf.netns ?? '')).get('eth1') ?? [];
    assert.equal(Number(served), received);
    assert.ok(Number(served) >= 100 * 1_042);
    assert.equal((await ask('/readyz')).statusCode, 200);
    // koffi's machine code is loaded for this
    await eventually(metrics, (text) =>
      /^podnet_nodeagent_source_up\{source="host-interfaces",reason=""\} 1$/m.test(text),
    );
    for (const [name, pod] of Object.entries({ server, agent })) {
      t.diagnostic(`${name}: ${pod.residentMiB().toFixed(0)} MiB resident soon after its start`);
      assert.equal(await pod.stop(), 0, pod.log());
    }
  });
});

/** Of a table of scripts/image/figures.mjs: MiB, and MiB as gzip. */
function sizesIn(text: string): Map<string, number[]> {
  const rows = [...text.matchAll(/^\| (\S.*?) +\| +([\d.]+) \| +([\d.]+) \| +\d+ \|$/gm)];
  return new Map(rows.map(([, what = '', ...sizes]) => [what, sizes.map(Number)]));
}

function areNear(measured: number, documented: number): boolean {
  return Math.abs(measured - documented) <= Math.max(SIZE_TOLERANCE.mib, SIZE_TOLERANCE.share * documented);
}
