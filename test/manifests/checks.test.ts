// The checks of kustomize.test.ts find what is wrong: each is given the base with one thing spoilt.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { isRecord } from '../../runtime/kube/objects.js';
import { nameOf } from '../cluster/json.js';
import type { KubeObject } from '../support/kube-api/objects.js';
import { levelOf, violationsOf } from '../support/manifests/pod-security.js';
import { programProblems } from '../support/manifests/program-problems.js';
import { referenceProblems } from '../support/manifests/references.js';
import { parseObjects, renderComponents } from '../support/manifests/render.js';
import { StrictSchemas } from '../support/manifests/strict-schema.js';
import { missing } from '../support/requirements.js';

type Path = readonly (string | number)[];

/** The same with another value at a path; an index that is one too many adds an element. */
function withValue(value: unknown, [key, ...rest]: Path, replacement: unknown): unknown {
  if (key === undefined) return replacement;
  if (typeof key === 'number') {
    const list: readonly unknown[] = Array.isArray(value) ? value : [];
    return [...list.slice(0, key), withValue(list[key], rest, replacement), ...list.slice(key + 1)];
  }
  const record = isRecord(value) ? value : {};
  return { ...record, [key]: withValue(record[key], rest, replacement) };
}

/** @param title such as `Service podnet-apiserver` */
function spoilt(objects: readonly KubeObject[], title: string, path: Path, value: unknown): readonly KubeObject[] {
  const isIt = (one: KubeObject): boolean => `${one.kind ?? ''} ${nameOf(one)}` === title;
  assert.equal(objects.filter(isIt).length, 1, title);
  return objects.map((one) => {
    const changed = isIt(one) ? withValue(one, path, value) : one;
    if (!isRecord(changed)) throw new TypeError(title);
    const { metadata, ...rest } = changed;
    return { ...rest, ...(isRecord(metadata) && { metadata }) };
  });
}

const SERVER = 'Deployment podnet-apiserver';
const AGENT = 'DaemonSet podnet-nodeagent';
const POD: Path = ['spec', 'template', 'spec'];
const CONTAINER: Path = [...POD, 'containers', 0];

describe('the base with one thing spoilt', { skip: missing('kubectl') }, () => {
  const schemas = new StrictSchemas();
  let base: readonly KubeObject[] = [];
  before(async () => {
    base = await renderComponents(['probe', 'prometheus-operator', 'cert-manager']);
  });

  /** Each spoilt thing is found, and nothing besides. */
  function assertFound(
    problemsOf: (objects: readonly KubeObject[]) => readonly string[],
    cases: readonly (readonly [title: string, path: Path, value: unknown, problem: RegExp])[],
  ): void {
    assert.deepEqual(problemsOf(base), []);
    for (const [title, path, value, problem] of cases) {
      const problems = problemsOf(spoilt(base, title, path, value));
      assert.ok(problems.length > 0, `${title} ${path.join('.')}`);
      for (const found of problems) assert.match(found, problem);
    }
  }

  test('is not what Kubernetes knows', () => {
    const monitor = 'ServiceMonitor podnet-apiserver';
    assertFound(
      (objects) => objects.flatMap((object) => schemas.problems(object)),
      [
        [SERVER, [...CONTAINER, 'securityContext', 'runAsNonroot'], true, /securityContext: .*runAsNonroot/],
        [SERVER, [...CONTAINER, 'ports', 0, 'containerPort'], '10250', /containerPort: must be integer/],
        [SERVER, [...CONTAINER, 'livenessProbe', 'httpGet', 'port'], true, /port: must/],
        [SERVER, [...CONTAINER, 'ports', 0], { name: 'https' }, /required property 'containerPort'/],
        [SERVER, [...CONTAINER, 'resources', 'limits', 'memory'], ['1Gi'], /limits\/memory: must/],
        [SERVER, ['spec', 'replicas'], 1.5, /replicas: must/],
        [SERVER, ['apiVersion'], 'apps/v2', /there is no schema of apps\/v2 Deployment/],
        [AGENT, [...CONTAINER, 'env', 1, 'name'], 'NODE_NAME', /env: two elements are one/],
        ['Service podnet-apiserver', ['spec', 'ports', 0, 'target'], 'https', /\(target\)/],
        ['APIService v1alpha1.podnet.dev', ['spec', 'groupPriorityMinimum'], undefined, /groupPriorityMinimum/],
        [monitor, ['spec', 'endpoints', 0, 'honorlabels'], true, /\(honorlabels\)/],
        [monitor, ['spec', 'endpoints', 0, 'tlsConfig', 'insecureSkipVerify'], true, /\(insecureSkipVerify\)/],
        [monitor, ['spec', 'endpoints', 0, 'interval'], '15', /interval: must match/],
      ],
    );
  });

  test('names what is not there, or has what nobody uses', () => {
    const elsewhere = { name: 'other' };
    assertFound(referenceProblems, [
      ['Service podnet-apiserver', ['spec', 'selector', 'app.kubernetes.io/component'], 'x', /pods of one workload/],
      ['Service podnet-apiserver', ['spec', 'ports', 0, 'targetPort'], 'http', /no port http/],
      ['Service podnet-apiserver-metrics', ['metadata', 'labels', 'podnet.dev/scrape'], 'false', /one Service/],
      ['Service podnet-apiserver-replicas', ['metadata', 'labels', 'podnet.dev/scrape'], 'true', /one Service/],
      ['APIService v1alpha1.podnet.dev', ['spec', 'service', 'name'], 'x', /no port 443 of Service podnet-system\/x/],
      [SERVER, [...POD, 'serviceAccountName'], 'x', /no ServiceAccount/],
      [SERVER, [...POD, 'volumes', 1], { name: 'spare', emptyDir: {} }, /spare is mounted nowhere/],
      [AGENT, [...CONTAINER, 'volumeMounts', 0, 'name'], 'x', /no volume x|mounted nowhere/],
      [AGENT, ['spec', 'selector', 'matchLabels', 'app'], 'x', /selects not its own pods/],
      ['DaemonSet podnet-probe', [...CONTAINER, 'readinessProbe', 'httpGet', 'port'], 'x', /no port x/],
      ['PodDisruptionBudget podnet-apiserver', ['spec', 'selector', 'matchLabels'], { a: 'b' }, /no workload/],
      ['NetworkPolicy podnet-probe', ['spec', 'ingress', 0, 'ports', 0, 'port'], 'https', /no port https/],
      ['RoleBinding podnet-nodeagent', ['roleRef', 'name'], 'x', /no Role podnet-system\/x/],
      ['ClusterRoleBinding podnet-nodeagent', ['subjects', 0, 'name'], 'x', /no ServiceAccount podnet-system\/x/],
      [
        'ServiceMonitor podnet-apiserver',
        ['spec', 'endpoints', 1, 'tlsConfig', 'ca', 'secret'],
        elsewhere,
        /no Secret/,
      ],
      ['Certificate podnet-apiserver', ['spec', 'secretName'], 'x', /no Secret podnet-apiserver-tls/],
    ]);
  });

  test('tells a program other things than what there is', () => {
    assertFound(programProblems, [
      [SERVER, [...POD, 'terminationGracePeriodSeconds'], 20, /killed after 20 s, and needs 25/],
      [SERVER, [...CONTAINER, 'ports', 0, 'containerPort'], 6443, /https is not --secure-port|Probe goes elsewhere/],
      [SERVER, [...CONTAINER, 'args', 20], '--api-groups=podnet.dev', /is not served/],
      [SERVER, [...CONTAINER, 'args', 20], '--service=default/podnet', /--service|no Service default\/podnet/],
      [SERVER, [...CONTAINER, 'volumeMounts', 0, 'mountPath'], '/tls', /tls\.(crt|key) is not mounted/],
      [AGENT, [...CONTAINER, 'volumeMounts', 0, 'readOnly'], false, /can be written/],
      [AGENT, [...CONTAINER, 'livenessProbe', 'httpGet', 'port'], 9809, /livenessProbe goes to/],
      [AGENT, [...POD, 'hostNetwork'], false, /does not reach/],
      [AGENT, [...POD, 'volumes'], [], /audience podnet/],
      [
        'DaemonSet podnet-probe',
        [...CONTAINER, 'ports', 0, 'containerPort'],
        9810,
        /readinessProbe goes to :?9810|no port/,
      ],
    ]);
  });

  test('has not, empty, what a server writes its authority to, or has it for one that makes none', async () => {
    const own = await renderComponents([]);
    assert.deepEqual(programProblems(own), []);
    for (const kind of ['Secret', 'ConfigMap']) {
      const [found] = own.filter((one) => one.kind === kind && nameOf(one) === 'podnet-apiserver-ca');
      assert.ok(found !== undefined, kind);
      const [server, object] = ['Deployment podnet-apiserver', `${kind} podnet-system/podnet-apiserver-ca`];
      const others = own.filter((one) => one !== found);
      assert.deepEqual(programProblems([...others, { ...found, data: {} }]), [`${server}: ${object} has data`]);
      assert.deepEqual(programProblems(others), [`${server}: there is no ${object}`]);
      assert.deepEqual(programProblems([...base, found]), [`${server}: ${object} is not needed`]);
    }
  });

  test('starts a program with a flag that it does not have', () => {
    const wrong = spoilt(base, AGENT, [...CONTAINER, 'args', 20], '--path.cgroup=/x');
    assert.throws(() => programProblems(wrong), /podnet-nodeagent: unknown option '--path\.cgroup=\/x'/);
  });
});

test('a file is read as Kubernetes reads it, and what is no object is refused', () => {
  assert.deepEqual(parseObjects('---\nkind: A\nmode: 0440\n---\n'), [{ kind: 'A', mode: 0o440 }]);
  assert.throws(() => parseObjects('- a'), TypeError);
  assert.throws(() => parseObjects('a: [b'));
});

test('the level of a pod is the strictest that allows all of it', () => {
  const securityContext = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
  const hardened = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
  const pod = (more: object = {}, container: object = {}): object => ({
    securityContext,
    containers: [{ securityContext: hardened, ...container }],
    ...more,
  });
  assert.deepEqual(violationsOf(pod()), []);
  assert.equal(levelOf(pod()), 'restricted');
  const weakened = (change: object): object => pod({}, { securityContext: { ...hardened, ...change } });
  const atBaseline = [
    pod({ securityContext: { ...securityContext, runAsUser: 0 } }),
    pod({ securityContext: { runAsNonRoot: true } }),
    pod({ volumes: [{ name: 'a', nfs: { server: 'a', path: '/' } }] }),
    weakened({ allowPrivilegeEscalation: undefined }),
    weakened({ capabilities: { drop: ['NET_RAW'] } }),
    weakened({ capabilities: { drop: ['ALL'], add: ['CHOWN'] } }),
    weakened({ runAsNonRoot: false }),
  ];
  for (const one of atBaseline) assert.equal(levelOf(one), 'baseline', JSON.stringify(one));
  const atPrivileged = [
    pod({ hostPID: true }),
    pod({ hostNetwork: true }),
    pod({ volumes: [{ name: 'a', hostPath: { path: '/a' } }] }),
    pod({ securityContext: { ...securityContext, seLinuxOptions: { type: 'spc_t' } } }),
    pod({}, { securityContext: hardened, ports: [{ containerPort: 1, hostPort: 1 }] }),
    pod({}, { securityContext: hardened, livenessProbe: { httpGet: { host: '127.0.0.1' } } }),
    weakened({ privileged: true }),
    weakened({ capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } }),
  ];
  for (const one of atPrivileged) assert.equal(levelOf(one), 'privileged', JSON.stringify(one));
});
