import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { apiserverProgram } from '../../../apiserver/options.js';
import { startApiserver, type Apiserver } from '../../../apiserver/start.js';
import { nodeagentProgram } from '../../../nodeagent/options.js';
import { startNodeagent, type Nodeagent } from '../../../nodeagent/start.js';
import { systemClock } from '../../../runtime/clock.js';
import { createLogger } from '../../../runtime/logger.js';
import { parseOptions } from '../../../runtime/options/parse.js';
import { textsOf } from '../../../runtime/kube/objects.js';
import { listAt, textAt } from '../../cluster/json.js';
import type { KubeObject } from '../kube-api/objects.js';
import { makeContainer, type Container } from '../manifests/container.js';
import { workloadsOf, type Workload } from '../manifests/workloads.js';
import { printInto, type Printed } from '../print-metrics.js';
import { freePort } from '../prometheus.js';
import { mountServiceAccount } from '../served-cluster.js';
import { RightsBed, type Account } from './bed.js';

const PORTS = ['PODNET_SECURE_PORT', 'PODNET_LISTEN_ADDRESS'];
const NODE = 'node-a';
const log = createLogger('test', { level: 'error', format: 'text', write: (line) => process.stderr.write(line) });

/** A pod that runs, and what a program sees that is run in it. */
interface Running {
  readonly env: Readonly<Record<string, string>>;
  readonly serviceAccountDirectory: string;
  close(): Promise<void>;
}

/** The pod of a server and that of an agent, as a rendering has them, with no other rights than it grants. */
export class PodBed {
  readonly #bed: RightsBed;
  readonly #root: string;
  readonly #pods = new Map<string, Running>();

  private constructor(bed: RightsBed, root: string) {
    [this.#bed, this.#root] = [bed, root];
  }

  /** @param certificate what the Secret has, where the rendering takes a given one */
  static async start(installed: readonly KubeObject[], certificate: Readonly<Record<string, string>>): Promise<PodBed> {
    const pods = new PodBed(await RightsBed.start(installed), await mkdtemp(join(tmpdir(), 'podnet-pods-')));
    for (const workload of workloadsOf(installed)) {
      const { kind = '' } = workload.object;
      const start = kind === 'Deployment' ? startServer : startAgent;
      if (kind === 'Deployment') pods.#putSecrets(workload, certificate);
      pods.#pods.set(kind, await pods.#run(workload, start));
    }
    return pods;
  }

  /** `kubectl exec` into a pod of the Deployment or of the DaemonSet: `podnet metrics` with these flags. */
  async exec(kind: 'Deployment' | 'DaemonSet', flags: readonly string[]): Promise<Printed> {
    const pod = this.#pods.get(kind);
    if (pod === undefined) throw new TypeError(`no pod of a ${kind} runs`);
    return printInto(flags, pod);
  }

  async close(): Promise<void> {
    for (const pod of [...this.#pods.values()].reverse()) await pod.close();
    await this.#bed.close();
    await rm(this.#root, { recursive: true });
  }

  /** What somebody else makes that the pod mounts. */
  #putSecrets({ podSpec, namespace }: Workload, certificate: Readonly<Record<string, string>>): void {
    const encoded = Object.entries(certificate).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
    for (const name of listAt(podSpec, 'volumes').map((volume) => textAt(volume, 'secret', 'secretName'))) {
      if (name !== '') this.#bed.api.put(pathOf('Secret', namespace, name), { data: Object.fromEntries(encoded) });
    }
  }

  async #run(workload: Workload, start: Start): Promise<Running> {
    const { namespace, podSpec } = workload;
    const [root, serviceAccountDirectory] = [
      join(this.#root, workload.title),
      join(this.#root, `${workload.title}.sa`),
    ];
    await mkdir(serviceAccountDirectory);
    const name = textAt(podSpec, 'serviceAccountName');
    const account: Account = `${namespace}/${name}`;
    const mounted = { cluster: this.#bed.cluster, token: () => this.#bed.token(account) };
    const kubernetes = await mountServiceAccount(serviceAccountDirectory, mounted, name);
    const container = await makeContainer(workload, (kind, of) => this.#dataOf(kind, namespace, of), root);
    const env = { ...container.env, ...kubernetes, ...(await freePorts(container.env)) };
    const kubeconfig = await this.#bed.cluster.kubeconfigOf(await this.#bed.token(account));
    const tokenFile = join(serviceAccountDirectory, 'podnet');
    await writeFile(tokenFile, await this.#bed.agentToken(account, NODE));
    const program = await start({ argv: container.argv.slice(1), env }, { kubeconfig, tokenFile });
    const configMap = `${textAt(workload.object, 'metadata', 'name')}-ca`;
    await this.#bed.eventually(
      () => this.#dataOf('ConfigMap', namespace, configMap),
      // of a server that makes its authority: for the others there is none to fill
      (data) => data === undefined || data['ca.crt'] !== undefined,
    );
    return { env, serviceAccountDirectory, close: () => program.close() };
  }

  #dataOf(kind: 'Secret' | 'ConfigMap', namespace: string, name: string): Readonly<Record<string, string>> | undefined {
    const found = this.#bed.api.objects.get(pathOf(kind, namespace, name));
    if (found === undefined) return undefined;
    const data = Object.entries(textsOf(found['data']));
    const decoded = (text: string): string => Buffer.from(text, 'base64').toString();
    return Object.fromEntries(data.map(([key, text]) => [key, kind === 'Secret' ? decoded(text) : text]));
  }
}

type Start = (container: Container, files: MachineFiles) => Promise<{ close(): Promise<void> }>;

/** What a pod has at places that a machine cannot give it. */
interface MachineFiles {
  readonly kubeconfig: string;
  readonly tokenFile: string;
}

async function startServer({ argv, env }: Container, { kubeconfig }: MachineFiles): Promise<Apiserver> {
  const own = ['--kubeconfig', kubeconfig, '--bind-address', '127.0.0.1', '--shutdown-delay', '0s'];
  const invocation = parseOptions(apiserverProgram('0.0.0'), [...argv, ...own], env);
  if (invocation.kind !== 'run') throw new TypeError(JSON.stringify(invocation));
  return startApiserver(invocation.options, { clock: systemClock, version: '0.0.0', log, env: {} });
}

async function startAgent({ argv, env }: Container, { kubeconfig, tokenFile }: MachineFiles): Promise<Nodeagent> {
  const own = ['--kubeconfig', kubeconfig, '--token-file', tokenFile, '--path.kubelet-socket', 'none'];
  const invocation = parseOptions(nodeagentProgram('0.0.0', NODE), [...argv, ...own], env);
  if (invocation.kind !== 'run') throw new TypeError(JSON.stringify(invocation));
  return startNodeagent(invocation.options, { clock: systemClock, version: '0.0.0', log, env: {} });
}

/** In place of ports that may be taken here: for a program that is told its port by the environment, as podnet metrics beside it is. */
async function freePorts(env: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const found = PORTS.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
  const replaced = found.map(async ([name, value]) => [name, value.replace(/\d+$/, String(await freePort()))] as const);
  return Object.fromEntries(await Promise.all(replaced));
}

function pathOf(kind: 'Secret' | 'ConfigMap', namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespace}/${kind.toLowerCase()}s/${name}`;
}
