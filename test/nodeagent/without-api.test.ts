// An agent whose Kubernetes API is away when it starts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKubeApi } from '../support/kube-api.js';
import { eventually, runNodeagent } from '../support/programs.js';

test('an agent that cannot ask which pods there are is healthy, and waits', async () => {
  const api = await createKubeApi();
  const flags = ['--pod-source', 'kubernetes', '--kubeconfig', await api.kubeconfig()];
  await api.down();
  const agent = await runNodeagent({ url: 'https://127.0.0.1:1', ca: api.ca }, flags);
  try {
    const get = async (path: string) => {
      const response = await fetch(`${agent.url}${path}`);
      return `${response.status} ${await response.text()}`;
    };
    await eventually(
      () => get('/metrics'),
      (text) => text.includes('podnet_nodeagent_source_up{source="kubernetes",reason="unreachable"} 0'),
    );
    assert.equal(await get('/healthz'), '200 ok, but waiting: which pods there are is not known yet\n');
    assert.doesNotMatch(await get('/metrics'), /source="cgroups"/, 'nothing was looked for yet');
    await api.up();
    await eventually(
      () => get('/healthz'),
      (text) => text === '200 ok',
      30_000,
    );
    assert.match(await get('/metrics'), /podnet_nodeagent_source_up\{source="kubernetes",reason=""\} 1/);
    await api.down();
    await eventually(
      () => get('/metrics'),
      (text) => text.includes('podnet_nodeagent_source_up{source="kubernetes",reason="unreachable"} 0'),
      30_000,
    );
    assert.equal(await get('/healthz'), '200 ok', 'the pods last known are read on');
  } finally {
    await agent.close();
    await api.close();
  }
});
