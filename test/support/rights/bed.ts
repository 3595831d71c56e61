import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { apiserverProgram } from '../../../apiserver/options.js';
import { startApiserver, type Apiserver } from '../../../apiserver/start.js';
import { nodeagentProgram } from '../../../nodeagent/options.js';
import { startNodeagent, type Nodeagent, type NodeagentDeps } from '../../../nodeagent/start.js';
import type { NodeReport } from '../../../openapi/node-report.js';
import { NODE_REPORTS_PATH } from '../../../openapi/report-terms.js';
import { systemClock } from '../../../runtime/clock.js';
import { createLogger } from '../../../runtime/logger.js';
import { parseOptions } from '../../../runtime/options/parse.js';
import { nameOf, textAt } from '../../cluster/json.js';
import { connectOverHttp1, type Answer, type Connection, type Question } from '../connections.js';
import type { KubeApiServer } from '../kube-api.js';
import type { KubeObject } from '../kube-api/objects.js';
import { startKubeCluster, type KubeCluster } from '../kube-cluster.js';
import { nodePodObject, pathOfPod } from '../node-pod-objects.js';
import { eventually } from '../programs.js';
import { pathOfRight, RBAC_GROUP, rightsIn, toldTo } from './granted.js';
import { Asked } from './needed.js';

export const NAMESPACE = 'podnet-system';
const RIGHTS = `/apis/${RBAC_GROUP}/v1/`;
export const API_SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices/';
const SLICES = `/apis/discovery.k8s.io/v1/namespaces/${NAMESPACE}/endpointslices`;
/** What Kubernetes gives by itself, and some clusters take away: what the manifests give has to be enough. */
const TAKEN_AWAY = ['system:service-account-issuer-discovery', 'system:controller:horizontal-pod-autoscaler'];
const PATIENCE_MS = 60_000;

/** A service account, such as `podnet-system/podnet-apiserver`. */
export type Account = `${string}/${string}`;

export function userOf(account: Account): string {
  return `system:serviceaccount:${account.replace('/', ':')}`;
}

/** A cluster in which everything is authorized by what the manifests grant and is written down, and podnet's own programs in it. */
export class RightsBed {
  readonly cluster: KubeCluster;
  readonly asked: Asked;
  /** Files of the programs. */
  readonly directory: string;
  readonly logged: string[] = [];
  readonly #tokens = new Map<Account, Promise<string>>();
  readonly #connections = new Map<Apiserver, Connection>();
  readonly #running = new Set<{ close(): Promise<void> }>();
  readonly #installed: readonly KubeObject[];

  private constructor(
    parts: Pick<RightsBed, 'cluster' | 'asked' | 'directory'> & { readonly installed: readonly KubeObject[] },
  ) {
    ({ cluster: this.cluster, asked: this.asked, directory: this.directory, installed: this.#installed } = parts);
    for (const name of TAKEN_AWAY) this.api.remove(`${RIGHTS}clusterrolebindings/${name}`);
    for (const object of this.#installed) {
      const { kind = '' } = object;
      if (kind === 'APIService') this.api.put(`${API_SERVICES}${nameOf(object)}`, object);
      if (kind === 'Secret' || kind === 'ConfigMap') {
        this.api.put(`/api/v1/namespaces/${NAMESPACE}/${kind.toLowerCase()}s/${nameOf(object)}`, object);
      }
    }
    for (const right of rightsIn(this.#installed)) this.api.put(pathOfRight(right), right);
    // of the lists that can be streamed both ways are asked for, the second in pages
    this.api.canStreamLists = false;
  }

  /** @param installed what the manifests give: their rights are granted, and programs are started as they say */
  static async start(installed: readonly KubeObject[]): Promise<RightsBed> {
    const asked = new Asked();
    const cluster = await startKubeCluster({ onAsked: asked.note });
    const directory = await mkdtemp(join(tmpdir(), 'podnet-rights-'));
    return new RightsBed({ cluster, asked, directory, installed });
  }

  get api(): KubeApiServer {
    return this.cluster.api;
  }

  /** Roles and bindings that are not of what is installed, by their paths. */
  get otherRights(): ReadonlyMap<string, unknown> {
    const own = new Set(rightsIn(this.#installed).map(pathOfRight));
    return new Map([...this.api.objects].filter(([path]) => path.startsWith(RIGHTS) && !own.has(path)));
  }

  /** A binding that an administrator makes: in a namespace, or in all of the cluster. */
  bind(account: Account, role: string, namespace?: string): void {
    const [of, name] = account.split('/');
    const metadata = { name: `${name}-${role}`, ...(namespace !== undefined && { namespace }) };
    const binding = {
      ...{ kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding', metadata },
      ...{ roleRef: { kind: 'ClusterRole', name: role }, subjects: [{ kind: 'ServiceAccount', namespace: of, name }] },
    };
    this.api.put(pathOfRight(binding), binding);
  }

  /** For the Kubernetes API, which servers have reviewed; always the same, as they review not many that are new. */
  async token(account: Account): Promise<string> {
    const token = this.#tokens.get(account) ?? this.#issue(account, {});
    this.#tokens.set(account, token);
    return token;
  }

  /** As the kubelet gives it to an agent: of its pod, which this makes, on a node. */
  async agentToken(
    account: Account,
    node: string,
    annotations: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const [namespace = '', name = ''] = account.split('/');
    const pod = { name: `${name}-${node}`, namespace, uid: `uid-${name}-${node}`, node, annotations };
    this.api.put(pathOfPod(pod), nodePodObject(pod));
    return this.#issue(account, { audiences: ['podnet'], boundObjectRef: { kind: 'Pod', name: pod.name } });
  }

  async startServer(...flags: string[]): Promise<Apiserver> {
    const kubeconfig = await this.cluster.kubeconfigOf(await this.token(`${NAMESPACE}/podnet-apiserver`));
    const own = ['--bind-address', '127.0.0.1', '--secure-port', '0', '--shutdown-delay', '0s'];
    const told = toldTo('podnet-apiserver', this.#installed);
    const argv = [...told.argv, '--kubeconfig', kubeconfig, ...own, ...flags];
    const invocation = parseOptions(apiserverProgram('0.0.0'), argv, told.env);
    if (invocation.kind !== 'run') throw new TypeError(JSON.stringify(invocation));
    return this.#keep(
      await startApiserver(invocation.options, { clock: systemClock, version: '0.0.0', log: this.#log(), env: {} }),
    );
  }

  /** It pushes to the servers of `list()`, five times a second. */
  async startAgent(
    account: Account,
    node: string,
    flags: readonly string[],
    deps: Partial<NodeagentDeps> & { readonly annotations?: Readonly<Record<string, string>> } = {},
  ): Promise<Nodeagent> {
    const { annotations, ...overrides } = deps;
    const kubeconfig = await this.cluster.kubeconfigOf(await this.token(account));
    const tokenFile = join(this.directory, `token-${account.replace('/', '-')}-${node}`);
    await writeFile(tokenFile, await this.agentToken(account, node, annotations));
    const told = toldTo(account.split('/')[1] ?? '', this.#installed);
    const argv = [
      ...['--kubeconfig', kubeconfig, '--token-file', tokenFile, '--node-name', node, '--interval', '200ms'],
      ...[
        '--server-ca-file',
        join(this.directory, 'ca.crt'),
        '--listen-address',
        '127.0.0.1:0',
        ...told.argv,
        ...flags,
      ],
    ];
    const invocation = parseOptions(nodeagentProgram('0.0.0', node), argv, told.env);
    if (invocation.kind !== 'run') throw new TypeError(JSON.stringify(invocation));
    const started = { clock: systemClock, version: '0.0.0', log: this.#log(), env: {}, ...overrides };
    return this.#keep(await startNodeagent(invocation.options, started));
  }

  /** The replicas of the Service, and by what the agents know them: as its EndpointSlices, and as the kubelet mounts the ConfigMap. */
  async list(servers: readonly Apiserver[]): Promise<void> {
    const [{ ca } = { ca: '' }] = servers;
    await writeFile(join(this.directory, 'ca.crt'), ca);
    for (const [i, { url }] of servers.entries()) {
      const name = `podnet-apiserver-${i}`;
      const targetRef = { kind: 'Pod', namespace: NAMESPACE, name, uid: `uid-${name}` };
      this.api.put(`${SLICES}/${name}`, {
        metadata: { labels: { 'kubernetes.io/service-name': 'podnet-apiserver' } },
        ...{ addressType: 'IPv4', endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true }, targetRef }] },
        ports: [{ name: 'https', protocol: 'TCP', port: Number(new URL(url).port) }],
      });
    }
  }

  async ask(server: Apiserver, token: string, path: string): Promise<Answer<unknown>> {
    return this.#ask(server, path, { headers: token === '' ? {} : { authorization: `Bearer ${token}` } });
  }

  async push(server: Apiserver, token: string, report: NodeReport): Promise<Answer<unknown>> {
    const type = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const headers = { ...type, authorization: `Bearer ${token}` };
    return this.#ask(server, NODE_REPORTS_PATH, { method: 'POST', headers, payload: gzipSync(JSON.stringify(report)) });
  }

  /** Waits until an account has asked for all of this, as `described` has it. */
  async until(account: Account, ...wanted: string[]): Promise<void> {
    const isMissing = (what: string): boolean => !this.asked.has(userOf(account), what);
    await this.eventually(
      () => wanted.filter(isMissing),
      (left) => left.length === 0,
    );
  }

  /** With what was logged, where it does not come true. */
  async eventually<T>(look: () => Promise<T> | T, isThere: (seen: T) => boolean): Promise<T> {
    return eventually(look, isThere, PATIENCE_MS).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.logged.join('')}`);
    });
  }

  /** Ends a program before the others. */
  async stop(program: { close(): Promise<void> }): Promise<void> {
    this.#running.delete(program);
    await program.close();
  }

  async close(): Promise<void> {
    for (const connection of this.#connections.values()) connection.close();
    for (const program of [...this.#running].reverse()) await program.close();
    await this.cluster.close();
    await rm(this.directory, { recursive: true });
  }

  async #issue(account: Account, spec: object): Promise<string> {
    const [namespace = '', name = ''] = account.split('/');
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`;
    if (!this.api.objects.has(path)) this.api.put(path, {});
    return textAt(await this.cluster.tokens.issue(namespace, name, { spec }), 'status', 'token');
  }

  #ask(server: Apiserver, path: string, question: Question): Promise<Answer<unknown>> {
    const connection = this.#connections.get(server) ?? connectOverHttp1(server);
    this.#connections.set(server, connection);
    return connection.ask(path, question);
  }

  #keep<T extends { close(): Promise<void> }>(program: T): T {
    this.#running.add(program);
    return program;
  }

  #log() {
    return createLogger('test', { level: 'warn', format: 'text', write: (line) => this.logged.push(line) });
  }
}
