import { randomBytes } from 'node:crypto';
import type { Clock } from '../../runtime/clock.js';
import { KubeError } from '../../runtime/kube/api.js';
import { createKubeClient, type KubeClient } from '../../runtime/kube/client.js';
import { createLogger, errorMessage, type Logger } from '../../runtime/logger.js';
import { StartError } from '../../runtime/start-error.js';
import { checkAccess } from './checks/access.js';
import { checkHpas } from './checks/hpa.js';
import { checkKubectl } from './checks/kubectl.js';
import { checkMetrics } from './checks/metrics.js';
import { checkNamespaceDeletion } from './checks/namespaces.js';
import { cleanUp } from './cleanup.js';
import { Cluster } from './cluster.js';
import { at, textAt } from './json.js';
import { resolveKubeconfig, type Kubeconfigs } from './kubeconfig.js';
import { namesOf } from './names.js';
import { NoCluster } from './no-cluster.js';
import type { ClusterTestOptions } from './options.js';
import { Outcomes, SetupFailed } from './outcomes.js';
import type { Run } from './run-context.js';
import { setUp } from './setup/set-up.js';
import { Interrupted, type Patience } from './wait.js';

export const EXIT = { ok: 0, failed: 1, noCluster: 3 } as const;

export interface RunDeps {
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  /** Aborted when the run is to end; it cleans up then, too. */
  readonly stop: AbortSignal;
  readonly pollMs: number;
  /** By when a scheduler has found a node for a pod, unless there is none. */
  readonly scheduledWithinMs: number;
  /** Called when reports have stopped: a test lets time pass faster. */
  readonly onSilence?: () => void;
}

/** Lines of the server's log that are shown when something failed. */
const LOG_LINES = 60;
/** Even a run that is interrupted has this long to clean up. */
const CLEANUP_MS = 180_000;

/** @returns the exit code */
export async function runClusterTest(options: ClusterTestOptions, deps: RunDeps): Promise<number> {
  const say = (line: string): void => deps.write(`${line}\n`);
  let connection: Connection | undefined;
  try {
    connection = await connect(options, deps);
    const { version, kubeconfigs } = connection;
    say(`cluster ${kubeconfigs.server.href} (context ${kubeconfigs.context}), Kubernetes ${version}`);
    return options.cleanupOnly ? await cleanUpOnly(connection, deps) : await test(connection, options, deps);
  } catch (error) {
    if (!(error instanceof NoCluster)) throw error;
    say(`test:e2e: ${error.message}`);
    return EXIT.noCluster;
  } finally {
    connection?.client.close();
    await connection?.kubeconfigs.remove();
  }
}

interface Connection {
  readonly kubeconfigs: Kubeconfigs;
  readonly client: KubeClient;
  readonly cluster: Cluster;
  readonly version: string;
  readonly isAdministrator: boolean;
  readonly minor: number | undefined;
  readonly log: Logger;
  /** The newest lines of the log. */
  readonly logged: string[];
}

/** @throws {NoCluster} */
async function connect(options: ClusterTestOptions, { clock, env, stop, write }: RunDeps): Promise<Connection> {
  const kubeconfigs = await resolveKubeconfig({ ...options, env });
  const logged: string[] = [];
  const keep = (line: string): void => {
    if (options.verbose) write(line);
    if (logged.push(line) > LOG_LINES) logged.shift();
  };
  const log = createLogger('apiserver', { level: 'info', format: 'text', write: keep });
  try {
    const userAgent = 'podnet-e2e';
    const client = await createKubeClient({ kubeconfig: kubeconfigs.admin, env: {}, clock, log, userAgent });
    const found = await client.request({ method: 'GET', path: '/version', signal: stop });
    const minor = parseInt(textAt(found, 'minor'), 10);
    const cluster = new Cluster(client, stop);
    return {
      ...{ kubeconfigs, client, log, logged, cluster, isAdministrator: await isAdministrator(cluster) },
      version: textAt(found, 'gitVersion'),
      minor: Number.isNaN(minor) ? undefined : minor,
    };
  } catch (error) {
    await kubeconfigs.remove();
    if (!(error instanceof KubeError) && !(error instanceof StartError)) throw error;
    const where = `${kubeconfigs.server.href} (context ${kubeconfigs.context})`;
    throw new NoCluster(
      `there is no cluster at ${where}: ${error.message}; is it up, and does KUBECONFIG name it and its administrator?`,
    );
  }
}

async function test(connection: Connection, options: ClusterTestOptions, deps: RunDeps): Promise<number> {
  const { clock, env, stop, write, pollMs } = deps;
  const say = (line: string): void => write(`${line}\n`);
  const names = namesOf(randomBytes(3).toString('hex'));
  const patience: Patience = { clock, signal: stop, timeoutMs: options.timeout, pollMs, say };
  const outcomes = new Outcomes({ write: say, skip: options.skip, signal: stop });
  const run: Run = { ...connection, ...{ options, names, outcomes, patience, clock, env } };
  say(`run ${names.id}: everything it creates bears the label ${names.selector}`);
  if (!connection.isAdministrator)
    say('      this user is no administrator of the cluster: what it may not do fails below');
  let isInterrupted = false;
  try {
    await runChecks(run, deps);
  } catch (error) {
    isInterrupted = error instanceof Interrupted || stop.aborted;
    if (isInterrupted) say('interrupted: cleaning up');
    else if (!(error instanceof SetupFailed)) outcomes.fail('the run', error);
  }
  if (outcomes.failed > 0) say(`last lines of the apiserver's log:\n${connection.logged.join('')}`);
  await cleanUpAfter(run);
  say(outcomes.summary);
  return outcomes.failed > 0 || isInterrupted ? EXIT.failed : EXIT.ok;
}

async function runChecks(run: Run, { onSilence, scheduledWithinMs }: RunDeps): Promise<void> {
  const stage = await setUp(run, scheduledWithinMs);
  try {
    await checkMetrics(run, stage.plan);
    await checkAccess(run, stage);
    await checkKubectl(run, stage.plan);
    await checkNamespaceDeletion(run);
    await checkHpas(run, { ...stage, onSilence });
  } finally {
    await stage.close();
  }
}

/** Whether there is anything in the cluster that this user may not do. */
async function isAdministrator(cluster: Cluster): Promise<boolean> {
  const answer = await cluster.post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb: '*', group: '*', resource: '*' } },
  });
  return at(answer, 'status', 'allowed') === true;
}

async function cleanUpAfter({ cluster, names, options, patience, outcomes }: Run): Promise<void> {
  const signal = AbortSignal.timeout(CLEANUP_MS);
  const wanted = options.keep ? 'the APIServices of the run are deleted' : 'everything that the run created is deleted';
  const problems = await cleanUp(cluster.until(signal), {
    ...{ selector: names.selector, onlyApiServices: options.keep },
    patience: { ...patience, signal, timeoutMs: Math.min(CLEANUP_MS, patience.timeoutMs) },
  });
  if (problems.length === 0) outcomes.pass(wanted);
  else outcomes.fail(wanted, new Error(problems.join('; ')));
  if (problems.length > 0 || options.keep) outcomes.note(`to delete what is left: npm run test:e2e -- --cleanup-only`);
}

async function cleanUpOnly({ cluster }: Connection, { clock, stop, write, pollMs }: RunDeps): Promise<number> {
  const say = (line: string): void => write(`${line}\n`);
  try {
    const patience = { clock, signal: stop, timeoutMs: CLEANUP_MS, pollMs, say };
    const problems = await cleanUp(cluster, { patience });
    for (const problem of problems) say(`FAIL  ${problem}`);
    if (problems.length === 0) say('nothing of any run is left');
    return problems.length === 0 ? EXIT.ok : EXIT.failed;
  } catch (error) {
    say(`FAIL  ${errorMessage(error)}`);
    return EXIT.failed;
  }
}
