import assert from 'node:assert/strict';
import { KubeError, type KubeApi } from '../../../runtime/kube/api.js';
import { createKubeClient } from '../../../runtime/kube/client.js';
import { EXTERNAL_METRICS_GROUP } from '../../../openapi/metric-values.js';
import { listAt, textAt } from '../json.js';
import { wait, type Run } from '../run-context.js';
import type { Agents } from '../setup/agents.js';
import type { Plan } from '../setup/registration.js';
import type { Pusher } from '../setup/pusher.js';
import { READERS } from '../setup/rights.js';
import { hasNodesInTokens, requestToken, type OwnServer } from '../setup/server.js';
import { podsOf } from '../setup/deploy.js';
import { METRIC } from '../setup/workloads.js';
import { CUSTOM, customPath, externalPath } from './metrics.js';

export interface AccessDeps {
  readonly plan: Plan;
  readonly server: OwnServer;
  readonly agents: Agents;
  readonly pusher: Pusher;
}

/** Who may read and who may report: through the API server, and asked directly. */
export async function checkAccess(run: Run, deps: AccessDeps): Promise<void> {
  const { outcomes } = run;
  const direct = { url: deps.server.url, ca: deps.server.ca };
  await outcomes.check('the server itself denies a service account without rights', () =>
    as(run, 'nobody', direct, (api) => assertForbidden(run, api, 'nobody')),
  );
  await outcomes.check('the server itself answers one that a RoleBinding allows', () =>
    as(run, READERS.account, direct, async (api) => {
      const answer = await api.request({ method: 'GET', path: customPath(run, 'pods/%2A', 'web-pods') });
      assert.ok(Array.isArray(listAt(answer, 'items')));
    }),
  );
  if (deps.plan.groups.has(EXTERNAL_METRICS_GROUP)) {
    await outcomes.check('the API server answers the one and denies the other', async () => {
      const path = externalPath(run, 'web-external');
      await as(run, READERS.account, undefined, (api) => untilAnswered(run, api, path));
      await as(run, 'nobody', undefined, async (api) => {
        await assert.rejects(api.request({ method: 'GET', path }), isForbidden);
      });
    });
  }
  await checkReports(run, deps);
}

async function checkReports(run: Run, { agents, pusher }: AccessDeps): Promise<void> {
  const { outcomes, patience } = run;
  const name = 'a report of another node is refused';
  if (!hasNodesInTokens(run)) {
    outcomes.skip(name, 'tokens of this API server name no node: that begins with 1.30');
    return;
  }
  await outcomes.check(name, async () => {
    const [pod] = await podsOf(run, 'web-pods');
    const agent = await agents.on(textAt(pod, 'spec', 'nodeName'));
    const report = { ...pusher.reportOf(agent), node: `${run.names.prefix}-other` };
    const { statusCode, body } = await agent.post(report, patience.signal);
    assert.equal(statusCode, 403, body);
    assert.match(body, /is bound to node/);
  });
}

/** As kube-apiserver would say it. */
async function assertForbidden({ names }: Run, api: KubeApi, account: string): Promise<void> {
  const path = `${CUSTOM}/namespaces/${names.load}/pods/%2A/${METRIC}`;
  await assert.rejects(api.request({ method: 'GET', path }), (error) => {
    assert.ok(isForbidden(error));
    const who = `User "system:serviceaccount:${names.system}:${account}"`;
    const what = `cannot get resource "pods/${METRIC}" in API group "custom.metrics.k8s.io" in the namespace "${names.load}"`;
    assert.ok(error.message.includes(`${who} ${what}`), error.message);
    return true;
  });
}

function isForbidden(error: unknown): error is KubeError {
  return error instanceof KubeError && error.statusCode === 403;
}

/** Rights that were just given take a moment to be known. */
async function untilAnswered(run: Run, api: KubeApi, path: string): Promise<void> {
  await wait(run, path, async () => ({ value: await api.request({ method: 'GET', path }) }));
}

/** The API with the token of a service account of the run; of the server itself where one is given. */
async function as(
  run: Run,
  account: string,
  direct: { readonly url: string; readonly ca: string } | undefined,
  use: (api: KubeApi) => Promise<void>,
): Promise<void> {
  const { kubeconfigs, clock, log, env } = run;
  const token = await requestToken(run, account);
  const kubeconfig = await kubeconfigs.ofToken(account, token, direct);
  const client = await createKubeClient({ kubeconfig, env, clock, log, userAgent: 'podnet-e2e' });
  try {
    await use(client);
  } finally {
    client.close();
  }
}
