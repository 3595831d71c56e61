import { wait, type Run } from '../run-context.js';
import { namespace } from '../setup/workloads.js';
import { conditionOf } from '../json.js';

/** An APIService that is not well keeps every namespace of a cluster from being deleted. */
export async function checkNamespaceDeletion(run: Run): Promise<void> {
  const { outcomes, cluster, names } = run;
  await outcomes.check('a namespace can be deleted while the APIServices are registered', async () => {
    const path = `/api/v1/namespaces/${names.scratch}`;
    await cluster.create(namespace(names.scratch, names.labels));
    const metadata = { name: 'something', namespace: names.scratch };
    await cluster.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: 'b' } });
    await cluster.remove(path);
    await wait(run, `namespace ${names.scratch} to be gone`, async () => {
      const found = await cluster.find(path);
      if (found === undefined) return { value: undefined };
      return { seen: `it is there: ${conditionOf(found, 'NamespaceDeletionDiscoveryFailure').message}` };
    });
  });
}
