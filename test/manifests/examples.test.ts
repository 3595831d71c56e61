// The HPAs of manifests/examples, asked as the HPA controller asks, of the real server: they get the value, show the columns and want the
// replicas that their comments and docs/hpa.md say.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { PodReport } from '../../openapi/node-report.js';
import { INTERFACE_COUNTERS, type InterfaceCounter } from '../../openapi/report-terms.js';
import { at, listAt, nameOf, textAt } from '../cluster/json.js';
import { pfReport, vfReport } from '../support/device-reports.js';
import { HPA, startDeployment, type Deployment } from '../support/deployment.js';
import { bounded, decide, requestOf } from '../support/hpa-controller.js';
import { eventually } from '../support/programs.js';
import { interfaceReport, nodeReport, podReport } from '../support/reports.js';

const EXAMPLES = 'manifests/examples';

/** What the pods of an example do, a second: each its own figure, as the comment has it. */
interface Load {
  readonly counter: InterfaceCounter;
  /** Of each pod of the scaled Deployment. */
  readonly each: readonly number[];
  /** Of one more pod on the same network, in another namespace. */
  readonly elsewhere?: number;
  /** Its interface is a VF that DPDK has. */
  readonly isVf?: boolean;
}

const LOADS: Readonly<Record<string, Load>> = {
  'hpa-network.yaml': { counter: 'receiveBytes', each: [150e6, 150e6] },
  'hpa-sriov.yaml': { counter: 'receivePackets', each: [2.5e6, 2.5e6, 2.5e6], isVf: true },
  'hpa-service.yaml': { counter: 'transmitBytes', each: [45e6, 15e6] },
  'hpa-external.yaml': { counter: 'receiveBytes', each: [250e6, 150e6], elsewhere: 300e6 },
};

interface Example {
  readonly file: string;
  readonly text: string;
  readonly hpa: unknown;
  readonly deployment: unknown;
  readonly service: unknown;
  readonly network: unknown;
  readonly namespace: string;
}

function readExample(file: string): Example {
  const text = readFileSync(join(EXAMPLES, file), 'utf8');
  const objects = parseAllDocuments(text).map((document) => document.toJS() as unknown);
  const only = (kind: string): unknown => {
    const found = objects.filter((object) => textAt(object, 'kind') === kind);
    assert.ok(found.length <= 1, `${file}: several of kind ${kind}`);
    return found[0];
  };
  const hpa = only('HorizontalPodAutoscaler');
  const [deployment, service] = [only('Deployment'), only('Service')];
  const network = only('NetworkAttachmentDefinition');
  return { file, text, hpa, deployment, service, network, namespace: textAt(hpa, 'metadata', 'namespace') };
}

/** The line that `kubectl get hpa` prints, by its columns, as the comment has it. */
function documentedLine({ text, file }: Example): Record<string, string> {
  const [, header = '', line = ''] = /^# {3}(NAME .*)\n# {3}(\S.*)$/m.exec(text) ?? assert.fail(`${file}: no columns`);
  const starts = [...header.matchAll(/\S+/g)].map(({ 0: name, index }) => ({ name, index }));
  const columns = starts.map(({ name, index }, i) => [name, line.slice(index, starts[i + 1]?.index).trim()]);
  return Object.fromEntries(columns) as Record<string, string>;
}

function podName(example: Example, i: number): string {
  return `${nameOf(example.deployment)}-abc12-${i}`;
}

/** Puts what the example makes into the cluster, with pods as a ReplicaSet of the Deployment makes them. */
function install({ api, addPod }: Deployment, example: Example, { each, elsewhere }: Load): void {
  const { namespace, deployment, service, network } = example;
  if (service !== undefined) {
    api.put(`/api/v1/namespaces/${namespace}/services/${nameOf(service)}`, { spec: at(service, 'spec') });
  }
  const status = (names: readonly string[]): string =>
    JSON.stringify(names.map((name, i) => ({ name, interface: i === 0 ? 'eth0' : 'net1', default: i === 0 })));
  const networks = ['cbr0', ...(network === undefined ? [] : [`${namespace}/${nameOf(network)}`])];
  const annotations = { 'k8s.v1.cni.cncf.io/network-status': status(networks) };
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${nameOf(deployment)}-abc12`, controller: true };
  each.forEach((_, i) =>
    addPod(namespace, podName(example, i), {
      labels: { ...labelsOf(deployment), 'pod-template-hash': 'abc12' },
      ownerReferences: [{ ...owner, uid: 'rs' }],
      annotations,
    }),
  );
  if (elsewhere !== undefined) addPod('clients', 'client-0', { labels: { app: 'client' }, annotations });
}

function labelsOf(deployment: unknown): Record<string, string> {
  return at(deployment, 'spec', 'template', 'metadata', 'labels') as Record<string, string>;
}

/** The pods as their agent reports them so many seconds later; one counter moves, and the others do not. */
function reported(example: Example, { counter, each, elsewhere, isVf = false }: Load, second: number): PodReport[] {
  const { namespace, deployment, network } = example;
  const reading = (perSecond: number): number[] =>
    INTERFACE_COUNTERS.map((one) => (one === counter ? perSecond * second : 0));
  const of = (inNamespace: string, name: string, labels: Record<string, string>, perSecond: number, i: number) => {
    const onNetwork = network === undefined ? 0 : perSecond;
    const eth0 = interfaceReport({
      ...{ network: 'cbr0', identity: `${name}/3` },
      // What comes by the default network is not the example's.
      readings: [reading(network === undefined ? perSecond : 7_000_000)],
    });
    const net1 = interfaceReport({
      ...{ name: 'net1', network: nameOf(network), nadNamespace: namespace, primary: false, identity: `${name}/4` },
      ...(isVf && { source: 'vf' as const, pciAddress: `0000:01:10.${i}` }),
      readings: [reading(onNetwork)],
    });
    const interfaces = network === undefined ? [eth0] : [eth0, net1];
    return podReport({ namespace: inNamespace, name, uid: `uid-${name}`, labels, interfaces });
  };
  return [
    ...each.map((perSecond, i) => of(namespace, podName(example, i), labelsOf(deployment), perSecond, i)),
    ...(elsewhere === undefined ? [] : [of('clients', 'client-0', { app: 'client' }, elsewhere, 9)]),
  ];
}

/** The VFs behind the interfaces: the same counts, by the kubelet's word those of the pods. */
function devicesOf(example: Example, { each, isVf = false }: Load): object {
  if (!isVf) return {};
  const resource = textAt(example.network, 'metadata', 'annotations', 'k8s.v1.cni.cncf.io/resourceName');
  const virtualFunctions = each.map((_, i) =>
    vfReport({
      ...{ vf: i, pciAddress: `0000:01:10.${i}`, epoch: `e${i}` },
      owner: {
        ...{ podUid: `uid-${podName(example, i)}`, namespace: example.namespace, pod: podName(example, i) },
        ...{ container: nameOf(example.deployment), resource, interface: 'net1' },
        ...{ network: nameOf(example.network), nadNamespace: example.namespace, source: 'kubelet' },
      },
    }),
  );
  return { physicalFunctions: [pfReport()], virtualFunctions };
}

describe('the HPAs of manifests/examples', () => {
  const files = readdirSync(EXAMPLES).filter((file) => file.endsWith('.yaml'));

  test('each has a load here, and a row in docs/hpa.md', () => {
    assert.deepEqual([...files].sort(), Object.keys(LOADS).sort());
    const documented = readFileSync('docs/hpa.md', 'utf8');
    for (const file of files) assert.ok(documented.includes(`(../manifests/examples/${file})`), file);
  });

  for (const file of files) {
    const example = readExample(file);
    const load = LOADS[file] ?? assert.fail(file);
    const line = documentedLine(example);

    test(`${file} gets its value, and the replicas that it says`, async (t) => {
      const deployment = await startDeployment();
      t.after(() => deployment.close());
      deployment.rules.push(
        ({ user }) => user === HPA,
        ({ resourceAttributes }) => resourceAttributes?.['resource'] === 'nodereports',
      );
      install(deployment, example, load);
      for (const second of [1, 2]) {
        const pods = reported(example, load, second);
        const report = nodeReport(second * 1_000, { pods, ...devicesOf(example, load) });
        const { statusCode, text } = await deployment.push(report);
        assert.equal(statusCode, 200, text);
        assert.doesNotMatch(text, /"reason"/);
      }
      const [metric] = listAt(example.hpa, 'spec', 'metrics');
      const [selector] = Object.entries(at(example.deployment, 'spec', 'selector', 'matchLabels') as object);
      const request = requestOf(metric, example.namespace, `${selector?.[0]}=${String(selector?.[1])}`);
      const { body } = await eventually(
        () => deployment.viaProxy(request, { user: HPA }),
        ({ statusCode, body: seen }) => statusCode === 200 && hasAll(seen, metric, load),
      );
      const current = load.each.length;
      const decision = decide(metric, body, current);
      assert.deepEqual(
        { targets: decision.targets, replicas: String(current) },
        { targets: line['TARGETS'], replicas: line['REPLICAS'] },
      );
      const wanted = Number(/there are (\d+)/.exec(example.text)?.[1]);
      assert.equal(bounded(decision.replicas, example.hpa), wanted);
      assertTableRow(file, decision.targets, current, wanted);
    });

    test(`${file} names what it scales, and shows it as kubectl does`, () => {
      const { hpa, deployment, network, namespace } = example;
      assert.equal(textAt(hpa, 'spec', 'scaleTargetRef', 'name'), nameOf(deployment));
      assert.equal(textAt(deployment, 'metadata', 'namespace'), namespace);
      assert.equal(at(deployment, 'spec', 'replicas'), undefined, 'applied again it would undo what the HPA did');
      assert.deepEqual(at(deployment, 'spec', 'selector', 'matchLabels'), labelsOf(deployment));
      const { NAME, REFERENCE, MINPODS, MAXPODS } = line;
      assert.deepEqual(
        { NAME, REFERENCE, MINPODS, MAXPODS },
        {
          NAME: nameOf(hpa),
          REFERENCE: `Deployment/${nameOf(deployment)}`,
          MINPODS: String(at(hpa, 'spec', 'minReplicas')),
          MAXPODS: String(at(hpa, 'spec', 'maxReplicas')),
        },
      );
      if (network === undefined) return;
      const annotations = ['spec', 'template', 'metadata', 'annotations'] as const;
      assert.equal(textAt(deployment, ...annotations, 'k8s.v1.cni.cncf.io/networks'), nameOf(network));
      const config = JSON.parse(textAt(network, 'spec', 'config')) as { name: string; type: string };
      assert.equal(config.name, nameOf(network));
      assert.match(config.type, /^(macvlan|sriov)$/);
    });
  }
});

/** Of pods one value each, of all else one. */
function hasAll(body: unknown, metric: unknown, { each }: Load): boolean {
  const wanted = at(metric, 'pods') === undefined ? 1 : each.length;
  return listAt(body, 'items').length === wanted;
}

/** The table of docs/hpa.md says the same as the example. */
function assertTableRow(file: string, targets: string, current: number, wanted: number): void {
  const row = readFileSync('docs/hpa.md', 'utf8')
    .split('\n')
    .find((line) => line.includes(`examples/${file})`));
  const cells = row?.split('|').map((cell) => cell.trim());
  assert.deepEqual(cells?.slice(-4, -1), [`\`${targets}\``, String(current), String(wanted)]);
}
