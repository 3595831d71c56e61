// What the documents run inside of podnet's pods, in those pods: with the environment, the volumes and the rights that each rendering gives them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { servingHosts } from '../../apiserver/tls/leaf.js';
import { createSelfSignedCertificate } from '../../apiserver/tls/self-made.js';
import { textAt } from '../cluster/json.js';
import { commandsOf, wordsOf } from '../support/documented-commands.js';
import { renderChart } from '../support/helm.js';
import type { KubeObject } from '../support/kube-api/objects.js';
import { renderComponents } from '../support/manifests/render.js';
import { documents } from '../support/markdown.js';
import { missing } from '../support/requirements.js';
import { PodBed } from '../support/rights/pods.js';

const COMMANDS = documents()
  .flatMap(commandsOf)
  .filter(({ text }) => /^kubectl .* exec .* -- podnet /.test(text));

const GIVEN = 'tls.type=secret,tls.secretName=certificate,tls.caBundle=Y2E=';
const RENDERINGS: readonly (readonly [title: string, render: () => Promise<readonly KubeObject[]>])[] = [
  ['the base', () => renderComponents([])],
  ['component cert-manager', () => renderComponents(['cert-manager'])],
  ['component apiserver-host-network', () => renderComponents(['apiserver-host-network'])],
  [
    'the chart under another name, in another namespace and on another port',
    () => renderChart(['--set', 'fullnameOverride=networks,namespaceOverride=cluster-networks,apiserver.port=8443']),
  ],
  [
    'the chart with a given certificate and agents that Prometheus reaches',
    () => renderChart(['--set', `${GIVEN},fullnameOverride=networks,podMonitor.enabled=true`]),
  ],
];

test('the documents run something in pods', () => {
  assert.ok(COMMANDS.length >= 2);
});

for (const [title, render] of RENDERINGS) {
  describe(`in the pods of ${title}`, { skip: missing('kubectl', 'helm') }, () => {
    let bed: PodBed;
    let installed: readonly KubeObject[];
    before(async () => {
      installed = await render();
      bed = await PodBed.start(installed, await certificateOf(installed));
    });
    after(() => bed?.close());

    for (const { place, text } of COMMANDS) {
      test(`${place}: ${text}`, async () => {
        const argv = wordsOf(text);
        const end = argv.indexOf('--');
        const [pod = '', program, command, ...flags] = [argv[end - 1], ...argv.slice(end + 1)];
        assert.deepEqual([program, command], ['podnet', 'metrics'], 'the image has nothing else');
        const { text: printed, problem } = await bed.exec(pod.startsWith('ds/') ? 'DaemonSet' : 'Deployment', flags);
        assert.equal(problem, '');
        assert.match(
          printed,
          pod.startsWith('ds/') ? /^podnet_nodeagent_build_info\{/m : /^podnet_apiserver_build_info\{/m,
        );
      });
    }
  });
}

test(
  'without the authority in its Secret a server serves, and podnet metrics says what is missing',
  { skip: missing('kubectl') },
  async () => {
    const installed = await renderComponents(['cert-manager']);
    const { 'tls.crt': cert, 'tls.key': key } = await certificateOf(installed);
    const bed = await PodBed.start(installed, { 'tls.crt': cert, 'tls.key': key });
    try {
      const { problem } = await bed.exec('Deployment', []);
      assert.match(problem, /^--server-ca-file .+\/var\/run\/podnet\/ca\/ca\.crt: cannot be read: ENOENT/);
    } finally {
      await bed.close();
    }
  },
);

/** As whoever gives it makes it, for the Service in front. */
async function certificateOf(installed: readonly KubeObject[]) {
  const [apiService] = installed.filter(({ kind }) => kind === 'APIService');
  const of = (key: string) => textAt(apiService, 'spec', 'service', key);
  const { cert, key } = await createSelfSignedCertificate(
    servingHosts({ namespace: of('namespace'), name: of('name') }),
    Date.now(),
  );
  return { 'tls.crt': cert, 'tls.key': key, 'ca.crt': cert };
}
