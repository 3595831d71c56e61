// Everything that manifests/ can install, rendered by kubectl and looked at as a whole.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { textsOf } from '../../runtime/kube/objects.js';
import { at, listAt, nameOf, textAt } from '../cluster/json.js';
import type { KubeObject } from '../support/kube-api/objects.js';
import {
  combinationsOf,
  componentOrder,
  renderCombinations,
  type Combination,
} from '../support/manifests/combinations.js';
import { givenAuthority } from '../support/manifests/given-authority.js';
import { LEVELS, levelOf, violationsOf } from '../support/manifests/pod-security.js';
import { programProblems } from '../support/manifests/program-problems.js';
import { referenceProblems } from '../support/manifests/references.js';
import { MANIFESTS, readObjects, renderComponents, renderKustomization } from '../support/manifests/render.js';
import { sccProblems } from '../support/manifests/scc.js';
import { StrictSchemas } from '../support/manifests/strict-schema.js';
import { environmentOf, keysAt, workloadsOf } from '../support/manifests/workloads.js';
import { blocksOf } from '../support/markdown.js';
import { missing } from '../support/requirements.js';

describe('what manifests/ installs', { skip: missing('kubectl') }, () => {
  const schemas = new StrictSchemas();
  let combinations: readonly Combination[] = [];

  before(async () => {
    combinations = await renderCombinations(combinationsOf(await componentOrder()));
  });

  /** What is wrong with any combination, and with which one; it is looked at each of them. */
  function assertNone(problemsOf: (objects: readonly KubeObject[]) => readonly string[]): void {
    const found = combinations.map(({ components, objects }) => [components.join(' + '), problemsOf(objects)] as const);
    assert.deepEqual(Object.fromEntries(found.filter(([, problems]) => problems.length > 0)), {});
  }

  test('the README lists every component, in the order in which they go together', async () => {
    assert.deepEqual([...(await componentOrder())].sort(), (await readdir(`${MANIFESTS}/components`)).sort());
  });

  test('Kubernetes knows every field of every combination', () => {
    assertNone((objects) => objects.flatMap((object) => schemas.problems(object)));
  });

  test('everything that something names is there, and everything there is used', () => {
    // given: with cert-manager it is made
    assertNone((objects) => {
      const isGiven = !objects.some(({ kind }) => kind === 'Certificate');
      const problems = referenceProblems(objects);
      return isGiven ? problems.filter((one) => !one.endsWith(': there is no Secret podnet-apiserver-tls')) : problems;
    });
  });

  test('the programs take their arguments, and are told what the objects around them say', () => {
    assertNone(programProblems);
  });

  test('an overlay is the base with the component of its name', async () => {
    const overlays = await readdir(`${MANIFESTS}/overlays`);
    assert.ok(overlays.length >= 7);
    for (const name of overlays) {
      assert.deepEqual(await renderKustomization(`${MANIFESTS}/overlays/${name}`), await renderComponents([name]));
    }
  });

  test('no APIService goes unverified, and none brings an authority that the server is to write', () => {
    assertNone((objects) => {
      const keys = objects.filter(({ kind }) => kind === 'APIService').flatMap((one) => keysAt(one, 'spec'));
      return keys.filter((key) => key === 'caBundle' || key === 'insecureSkipTLSVerify');
    });
  });

  test('every object can be found by its label when podnet is uninstalled', () => {
    assertNone((objects) =>
      objects
        .filter((object) => textAt(object, 'metadata', 'labels', 'app.kubernetes.io/name') !== 'podnet')
        .map((object) => `${object.kind ?? ''} ${nameOf(object)}`),
    );
  });

  test('the namespace admits its pods, and no more', () => {
    assertNone((objects) => {
      const levels = workloadsOf(objects).map(({ podSpec }) => levelOf(podSpec));
      const needed = LEVELS[Math.max(...levels.map((level) => LEVELS.indexOf(level)))];
      const namespace = objects.find(({ kind }) => kind === 'Namespace');
      return ['enforce', 'audit', 'warn']
        .map((mode) => textAt(namespace, 'metadata', 'labels', `pod-security.kubernetes.io/${mode}`))
        .filter((level) => level !== needed);
    });
  });

  test('servers and agents of role probe are restricted, but for servers in the network of their nodes', () => {
    const found = combinations.map(({ components, objects }) => {
      const others = workloadsOf(objects).filter(({ object }) => nameOf(object) !== 'podnet-nodeagent');
      const had = others.flatMap(({ title, podSpec }) => violationsOf(podSpec).map(({ what }) => `${title}: ${what}`));
      return [components, had] as const;
    });
    const hostNetwork = ['hostNetwork', 'hostPort 19443'].map((what) => `Deployment podnet-apiserver: ${what}`);
    for (const [components, had] of found) {
      assert.deepEqual(had, components.includes('apiserver-host-network') ? hostNetwork : [], components.join(' + '));
    }
  });

  test('every container has a read-only root, bounded memory, what it asks for, and no limit of CPU', () => {
    assertNone((objects) =>
      workloadsOf(objects).flatMap(({ title, container }) => {
        const limits = keysAt(container, 'resources', 'limits').join();
        const requests = keysAt(container, 'resources', 'requests').sort().join();
        return [
          ...(at(container, 'securityContext', 'readOnlyRootFilesystem') === true ? [] : [`${title}: writes its root`]),
          ...(limits === 'memory' ? [] : [`${title}: limits of ${limits}`]),
          ...(requests === 'cpu,memory' ? [] : [`${title}: requests of ${requests}`]),
        ];
      }),
    );
  });

  test('agents are started with what keeps them small', () => {
    assertNone((objects) =>
      workloadsOf(objects)
        .filter(({ object, container }) => {
          const { NODE_OPTIONS, MALLOC_ARENA_MAX } = environmentOf(container);
          const isSmall = NODE_OPTIONS === '--max-semi-space-size=1' && MALLOC_ARENA_MAX === '1';
          return object.kind === 'DaemonSet' && !isSmall;
        })
        .map(({ title }) => title),
    );
  });

  test('every container is of the image of this version', async () => {
    const version = textAt(JSON.parse(await readFile('package.json', 'utf8')), 'version');
    assertNone((objects) =>
      workloadsOf(objects)
        .map(({ container }) => textAt(container, 'image'))
        .filter((image) => image !== `podnet:${version}`),
    );
  });

  test("OpenShift's constraints admit the agents", () => {
    assertNone(sccProblems);
    assert.ok(combinations.some(({ objects }) => objects.some(({ kind }) => kind === 'SecurityContextConstraints')));
  });

  test('the server has rights over the APIServices that are its own, and over no other', () => {
    assertNone((objects) => {
      const rules = objects
        .filter(({ kind }) => kind === 'ClusterRole')
        .flatMap((role) => listAt(role, 'rules'))
        .filter((rule) => listAt(rule, 'resources').includes('apiservices'));
      const own = objects.filter(({ kind }) => kind === 'APIService').map(nameOf);
      return rules.flatMap((rule) => listAt(rule, 'resourceNames').map(String)).filter((name) => !own.includes(name));
    });
  });

  test('the README tells what each privilege is for, and names none that nobody has', async () => {
    const readme = await readFile(`${MANIFESTS}/README.md`, 'utf8');
    const [, table = ''] = /## What each privilege is for([^]*?)\n## /.exec(readme) ?? [];
    const told = [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, what = '']) => what);
    const had = combinations.flatMap(({ objects }) =>
      workloadsOf(objects).flatMap(({ podSpec }) => violationsOf(podSpec).map(({ what }) => what)),
    );
    assert.deepEqual([...new Set(told)].sort(), [...new Set(had)].sort());
  });

  test('with ha no two of three servers are on one host, also during an update', async () => {
    const server = (await renderComponents(['ha'])).find(({ kind }) => kind === 'Deployment');
    assert.equal(at(server, 'spec', 'replicas'), 3);
    // on three hosts there is room for no fourth
    assert.equal(at(server, 'spec', 'strategy', 'rollingUpdate', 'maxSurge'), 0);
    const required = ['podAntiAffinity', 'requiredDuringSchedulingIgnoredDuringExecution'];
    const terms = listAt(server, 'spec', 'template', 'spec', 'affinity', ...required);
    assert.deepEqual(
      terms.map((term) => textAt(term, 'topologyKey')),
      ['kubernetes.io/hostname'],
    );
  });

  test('no two servers in the network of their nodes want one port of it, nor the one of the kubelet', async () => {
    const objects = await renderComponents(['apiserver-host-network']);
    const server = objects.find(({ kind }) => kind === 'Deployment');
    const pod = at(server, 'spec', 'template', 'spec');
    const apart = listAt(pod, 'affinity', 'podAntiAffinity', 'requiredDuringSchedulingIgnoredDuringExecution');
    assert.deepEqual(
      apart.map((term) => textAt(term, 'topologyKey')),
      ['kubernetes.io/hostname'],
    );
    // on as many nodes as there are replicas there is room for no further one
    assert.equal(at(server, 'spec', 'strategy', 'rollingUpdate', 'maxSurge'), 0);
    assert.equal(at(pod, 'dnsPolicy'), 'ClusterFirstWithHostNet');
    assert.deepEqual(
      listAt(pod, 'containers', 0, 'ports').map((port) => at(port, 'containerPort')),
      [19_443],
    );
    const ports = objects
      .filter((one) => one.kind === 'Service')
      .map((one) => [nameOf(one), at(one, 'spec', 'ports', 0, 'port')]);
    assert.deepEqual(Object.fromEntries(ports), {
      'podnet-apiserver': 443,
      'podnet-apiserver-replicas': 19_443,
      'podnet-apiserver-metrics': 19_443,
    });
  });

  test('the documents put an address before each runbook', async () => {
    const [block, ...more] = blocksOf('docs/runbooks/README.md').filter(({ language }) => language === 'yaml');
    assert.ok(block !== undefined && more.length === 0);
    const objects = await renderComponents(['prometheus-operator'], parse(block.lines.join('\n')) as object);
    const base = await renderComponents(['prometheus-operator']);
    assert.deepEqual(objects.map(nameOf), base.map(nameOf), 'nothing more is applied');
    const [urls, paths] = [objects, base].map(runbooksOf);
    assert.ok(urls !== undefined && urls.length > 30);
    assert.deepEqual(
      urls,
      paths?.map((path) => `https://git.example.com/podnet/blob/main/${path}`),
    );
  });

  test('the documents tell the API server the authority of a given certificate', async () => {
    const objects = await renderComponents(['given-certificate'], givenAuthority('Y2E='));
    const registered = objects.filter(({ kind }) => kind === 'APIService');
    assert.equal(registered.length, 4);
    for (const one of registered) assert.equal(textAt(one, 'spec', 'caBundle'), 'Y2E=', nameOf(one));
    assert.deepEqual(
      objects.flatMap((object) => schemas.problems(object)),
      [],
    );
  });

  test('what the README says is applied is there', async () => {
    const readme = await readFile(`${MANIFESTS}/README.md`, 'utf8');
    const paths = [...readme.matchAll(/-k (manifests\/[\w/-]+)(?=[\s`])/g)].map(([, path = '']) => path);
    assert.ok(paths.length > 0);
    for (const path of new Set(paths)) assert.ok((await readdir(path)).includes('kustomization.yaml'), path);
  });

  test('component grafana has every dashboard, as it is', async () => {
    const files = (await readdir(`${MANIFESTS}/dashboards`)).filter((name) => name.endsWith('.json'));
    assert.ok(files.length > 0);
    const objects = await renderComponents(['grafana']);
    const shown = objects.filter((one) => textAt(one, 'metadata', 'labels', 'grafana_dashboard') === '1');
    const texts = Object.fromEntries(shown.flatMap((one) => Object.entries(textsOf(one['data']))));
    assert.deepEqual(Object.keys(texts).sort(), files.sort());
    for (const file of files) assert.equal(texts[file], await readFile(join(MANIFESTS, 'dashboards', file), 'utf8'));
  });

  test('Kubernetes knows every field of the examples', async () => {
    const files = (await readdir(`${MANIFESTS}/examples`)).filter((name) => name.endsWith('.yaml'));
    assert.ok(files.length > 0);
    for (const file of files) {
      const objects = await readObjects(join(MANIFESTS, 'examples', file));
      assert.deepEqual(
        objects.flatMap((object) => schemas.problems(object)),
        [],
        file,
      );
    }
  });
});

function runbooksOf(objects: readonly KubeObject[]): string[] {
  const rules = objects.filter(({ kind }) => kind === 'PrometheusRule');
  const groups = rules.flatMap((rule) => listAt(rule, 'spec', 'groups'));
  return groups.flatMap((group) => listAt(group, 'rules')).map((rule) => textAt(rule, 'annotations', 'runbook_url'));
}
