// The rights that the manifests grant, held against what the programs ask for: no less, and no more. The programs are the real ones, in a
// small cluster that authorizes every request by exactly those roles and bindings, as Kubernetes does (test/support/kube-cluster/rbac.ts).
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { after, before, describe, test, type TestContext } from 'node:test';
import type { Apiserver } from '../../apiserver/start.js';
import { DESCRIBED_KINDS } from '../../apiserver/api/described-objects.js';
import { at, listAt, nameOf } from '../cluster/json.js';
import type { KubeObject } from '../support/kube-api/objects.js';
import { missing } from '../support/requirements.js';
import { renderComponents } from '../support/manifests/render.js';
import { RightsBed, userOf, type Account } from '../support/rights/bed.js';
import { pathOfRight, rightsIn } from '../support/rights/granted.js';
import { denied, needless, refused, titlesOfRights } from '../support/rights/needed.js';
import {
  AGENT,
  playAdmission,
  playAgents,
  playClaims,
  playGivenCertificate,
  playProbe,
  playPublisher,
  playReplicas,
  PROGRAMS,
  WEB,
} from '../support/rights/scenes.js';
import { playFinding, playScrape } from '../support/rights/scraping.js';

const HPA: Account = 'kube-system/horizontal-pod-autoscaler';
const PROMETHEUS: Account = 'monitoring/prometheus-k8s';
const PLATFORM: Account = 'openshift-monitoring/prometheus-k8s';
/** By which component prometheus-operator lets Prometheus in. */
const READER: Account = 'podnet-system/podnet-metrics-reader';
/** podnet metrics in its pod asks as it. */
const SERVER: Account = 'podnet-system/podnet-apiserver';
const SCRAPER: Account = 'shop/scraper';
const VIEWER: Account = 'shop/viewer';
const OPERATOR: Account = 'shop/operator';
const STRANGER: Account = 'shop/stranger';

const RATE = 'network_receive_bytes_per_second';
const CUSTOM = '/apis/custom.metrics.k8s.io/v1beta2';
const EXTERNAL = '/apis/external.metrics.k8s.io/v1beta1';
const PODNET = '/apis/podnet.dev/v1alpha1';

const RATES_OF_SHOP = [
  `${CUSTOM}/namespaces/shop/pods/*/${RATE}?labelSelector=app%3Dweb-0`,
  `${CUSTOM}/namespaces/shop/pods/web-0/${RATE}`,
  `${EXTERNAL}/namespaces/shop/${RATE}`,
];
const OF_SHOP = [
  `${PODNET}/namespaces/shop/podnetworks`,
  `${PODNET}/namespaces/shop/podnetworks/web-0.eth0`,
  `${PODNET}/namespaces/shop/explain/${RATE}?labelSelector=app%3Dweb-0`,
];
const OF_NODES = [`${PODNET}/nodenetworks`, `${PODNET}/nodenetworks/node-c`, `${PODNET}/virtualfunctions`];
const ONE_FUNCTION = `${PODNET}/virtualfunctions/node-a.0000-01-10.3`;
const SCRAPES = ['/metrics', '/metrics?own=only', '/metrics?exposer=only'];

/** Who is answered what: HTTP status. There is no such virtual function. */
const READS: readonly (readonly [Account, number, readonly string[]])[] = [
  [HPA, 200, RATES_OF_SHOP],
  [HPA, 403, [...OF_SHOP, ...OF_NODES, ...SCRAPES]],
  [VIEWER, 200, OF_SHOP],
  [VIEWER, 403, [`${PODNET}/podnetworks`, `${PODNET}/namespaces/telco/podnetworks`, `${PODNET}/nodereports`]],
  [VIEWER, 403, [...RATES_OF_SHOP, ...OF_NODES, ...SCRAPES]],
  [OPERATOR, 200, OF_NODES],
  [OPERATOR, 404, [ONE_FUNCTION]],
  [OPERATOR, 403, [...RATES_OF_SHOP, ...OF_SHOP, ...SCRAPES]],
  [SCRAPER, 200, SCRAPES],
  [SERVER, 200, SCRAPES],
  [SCRAPER, 403, [...RATES_OF_SHOP, ...OF_SHOP, ...OF_NODES]],
  [STRANGER, 403, [...RATES_OF_SHOP, ...OF_SHOP, ...OF_NODES, ...SCRAPES, ONE_FUNCTION]],
];

/** All objects of a kind that have a label, for each kind. Below their own name namespaces are namespaces of something else. */
const LISTS = DESCRIBED_KINDS.map(({ resource, singular, namespaced }) => {
  const scope = namespaced ? '/namespaces/podnet-system' : '';
  return `${CUSTOM}${scope}/${resource === 'namespaces' ? singular : resource}/*/${RATE}?labelSelector=tier%3Dfront`;
});

/** Components that grant something. */
const GRANTING = ['aws', 'cert-manager', 'openshift', 'probe', 'prometheus-operator', 'sriov'];

type Scene = (bed: RightsBed, installed: readonly KubeObject[]) => Promise<void>;

describe('the rights that are granted', { skip: missing('kubectl') }, () => {
  let bed: RightsBed;
  let base: readonly KubeObject[];
  let servers: [Apiserver, Apiserver];
  /** What each account was answered to each path: HTTP status. */
  const answers = new Map<string, number>();

  before(async () => {
    base = await renderComponents([]);
    bed = await RightsBed.start(base);
    bed.bind(VIEWER, 'view', WEB.namespace);
    bed.bind(OPERATOR, 'podnet-cluster-reader');
    bed.bind(SCRAPER, 'podnet-metrics-reader');
    servers = await playReplicas(bed);
    await playAgents(bed, servers);
    for (const server of servers) await settled(server);
    for (const [account, , paths] of READS) for (const path of paths) await ask(account, path);
    for (const path of LISTS) await ask(HPA, path);
  });
  after(() => bed?.close());

  async function ask(account: Account, path: string): Promise<void> {
    const { statusCode } = await bed.ask(servers[0], await bed.token(account), path);
    answers.set(`${account} ${path}`, statusCode);
  }

  /** The pod that two nodes report is on one of them, which the Kubernetes API is asked for. */
  async function settled(server: Apiserver): Promise<void> {
    const token = await bed.token(HPA);
    await bed.eventually(
      async () => (await bed.ask(server, token, `${CUSTOM}/namespaces/shop/pods/web-0/${RATE}`)).statusCode,
      (statusCode) => statusCode === 200,
    );
  }

  /** Nothing was refused to a program; nothing of what is granted is needless here and in base together. */
  function check(installed: readonly KubeObject[], here = bed): void {
    assert.deepEqual(denied(here.asked.list(), PROGRAMS), []);
    const asked = [bed, here].flatMap((one) => one.asked.list());
    const rest = new Map([bed, here].flatMap((one) => [...one.otherRights]));
    assert.deepEqual(needless(rightsIn(installed), rest, asked), []);
  }

  /** What components grant is enough for a scene and, with what is asked for in base, not too much. */
  async function playWith(t: TestContext, components: readonly string[], scene: Scene): Promise<void> {
    const installed = await renderComponents(components);
    const other = await RightsBed.start(installed);
    t.after(() => other.close());
    await scene(other, installed);
    check(installed, other);
  }

  test('base allows all that servers and agents of nodes ask for, and nothing else', () => {
    check(base);
  });

  test('who reads is let in to what is his, and to nothing else', () => {
    const seen = READS.flatMap(([account, , paths]) =>
      paths.map((path) => `${account} ${path} ${answers.get(`${account} ${path}`) ?? 0}`),
    );
    const wanted = READS.flatMap(([account, status, paths]) => paths.map((path) => `${account} ${path} ${status}`));
    assert.deepEqual(seen, wanted);
  });

  test('every kind that metrics describe is chosen by its labels', () => {
    assert.deepEqual(
      LISTS.map((path) => answers.get(`${HPA} ${path}`)),
      LISTS.map(() => 200),
    );
  });

  test('an agent of role probe needs the rights of probe, and no others', (t) =>
    playWith(t, ['probe'], (other) => playProbe(other, 'kube-system')));

  test('devices of ResourceClaims need the rights of sriov', (t) => playWith(t, ['sriov'], playClaims));

  test('who publishes to CloudWatch needs the right of aws', (t) => playWith(t, ['aws'], playPublisher));

  test('Prometheus finds the replicas and is let in', { skip: missing('prometheus') }, (t) =>
    playWith(t, ['prometheus-operator'], async (other) => {
      playFinding(other, PROMETHEUS);
      await playScrape(other, await other.startServer(), READER);
    }),
  );

  test('on OpenShift its DNS and its Prometheus are known, and pods may be what they are', (t) =>
    playWith(t, ['probe', 'prometheus-operator', 'openshift'], async (other, installed) => {
      await playProbe(other, 'openshift-dns');
      playFinding(other, PLATFORM);
      const { statusCode } = await other.ask(await other.startServer(), await other.token(READER), '/metrics');
      assert.equal(statusCode, 200);
      playAdmission(other, installed);
    }));

  test('with a given certificate none is made, and no right for it is left', async (t) => {
    await playWith(t, ['cert-manager'], playGivenCertificate);
    const installed = await renderComponents(['cert-manager']);
    const granted = new Set(rightsIn(installed).map(pathOfRight));
    const left = rightsIn(base)
      .map(pathOfRight)
      .filter((path) => !granted.has(path));
    assert.ok(left.length > 0 && left.every((path) => path.endsWith('/podnet-apiserver-certificates')), left.join());
  });

  test('other components grant nothing that base does not, and no right over an APIService that is not installed', async () => {
    const granted = titlesOfRights(rightsIn(base));
    const all = await readdir('manifests/components');
    const others = all.filter((one) => !GRANTING.includes(one)).map((component) => [component]);
    for (const components of [[], ...others]) {
      const installed = await renderComponents(components);
      const rights = rightsIn(installed);
      assert.deepEqual(
        titlesOfRights(rights).filter((one) => !granted.includes(one)),
        [],
        components.join(),
      );
      const named = rights
        .flatMap((right) => listAt(right, 'rules'))
        .filter((rule) => listAt(rule, 'resources').includes('apiservices'))
        .flatMap((rule) => listAt(rule, 'resourceNames'));
      const there = installed.filter(({ kind }) => kind === 'APIService').map(nameOf);
      assert.deepEqual([...named].sort(), [...there].sort(), components.join());
    }
  });

  test('nothing is granted by a wildcard but the names of metrics', async () => {
    const installed = await renderComponents(GRANTING.filter((one) => one !== 'cert-manager'));
    const wide = rightsIn(installed).flatMap((right) =>
      listAt(right, 'rules').flatMap((rule) =>
        ['verbs', 'apiGroups', 'resources', 'nonResourceURLs']
          .filter((key) => listAt(rule, key).some((one) => String(one).includes('*')))
          .map((key) => `${nameOf(right)}: ${key} of ${String(at(rule, 'apiGroups', 0))}`),
      ),
    );
    const metrics = ['custom', 'external'].map((kind) => `podnet-hpa-reader: resources of ${kind}.metrics.k8s.io`);
    assert.deepEqual(wide, metrics);
  });

  test('what may be written is named, but for reports of agents and Leases, of which any may be made', async () => {
    const reading = ['get', 'list', 'watch', 'use'];
    for (const components of [[], ...GRANTING.map((one) => [one])]) {
      const rules = rightsIn(await renderComponents(components)).flatMap((right) => listAt(right, 'rules'));
      const unnamed = rules
        .filter((rule) => at(rule, 'resources') !== undefined && at(rule, 'resourceNames') === undefined)
        .flatMap((rule) => {
          const writing = listAt(rule, 'verbs').filter((verb) => !reading.includes(String(verb)));
          return writing.map((verb) => `${String(verb)} ${listAt(rule, 'resources').join()}`);
        });
      assert.deepEqual(new Set(unnamed), new Set(['create leases', 'create nodereports']), components.join());
    }
  });

  test('a right that nobody needs is found, and so is one that is missing', () => {
    const asked = bed.asked.list();
    const rest = bed.otherRights;
    const changed = (to: (rules: readonly unknown[]) => readonly unknown[]): readonly KubeObject[] =>
      rightsIn(base).map((right) =>
        right.kind === 'ClusterRole' && nameOf(right) === 'podnet-nodeagent'
          ? { ...right, rules: to(listAt(right, 'rules')) }
          : right,
      );
    const secrets = { apiGroups: [''], resources: ['pods', 'secrets'], verbs: ['watch', 'get'] };
    assert.deepEqual(
      needless(
        changed((rules) => [...rules, secrets]),
        rest,
        asked,
      ),
      ['watch pods', 'watch pods', 'get pods', 'watch secrets', 'get secrets'].map(
        (atom) => `ClusterRole podnet-nodeagent: ${atom}`,
      ),
    );
    const fewer = changed((rules) => rules.slice(1)).map((right) => [pathOfRight(right), right] as const);
    const ofAgents = asked.filter(({ user }) => user.name === userOf(AGENT));
    assert.deepEqual(refused(new Map([...rest, ...fewer]), ofAgents).sort(), [
      `${userOf(AGENT)}: list pods`,
      `${userOf(AGENT)}: watch pods`,
    ]);
  });
});
