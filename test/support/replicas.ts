import { fileURLToPath } from 'node:url';
import process from 'node:process';
import { gzipSync } from 'node:zlib';
import type { NodeReport } from '../../openapi/node-report.js';
import { NODE_REPORTS_PATH } from '../../openapi/report-terms.js';
import { authenticationData, createAuthority } from './certificates.js';
import { connectOverHttp1, type Connection } from './connections.js';
import { run, type Run } from './bundle.js';
import { ipamSource } from './ipam-reports.js';
import { createKubeApi, type KubeApiServer } from './kube-api.js';
import { ServiceAccountTokens } from './kube-cluster/tokens.js';
import { createCertificateFiles, eventually } from './programs.js';
import { freePort } from './prometheus.js';
import { interfaceReport, nodeReport, podReport, readingOf } from './reports.js';

const PODNET = fileURLToPath(new URL('../../cli/podnet.js', import.meta.url));
const NAMESPACE = 'podnet-system';
const CREATED = '2026-11-20T10:00:00Z';
export const EXPOSER_LEASE = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/podnet-apiserver-exposer`;
/** What the nodes count in a second. */
export const RATES = { bytes: 1_000, addresses: 100 } as const;

/** One apiserver, a process of its own. */
export interface ReplicaProcess {
  readonly host: string;
  readonly program: Run;
  /** Undefined where it does not answer within a second. */
  scrape(path: string): Promise<string | undefined>;
  connect(): Connection;
}

export interface ReplicaBedOptions {
  readonly replicas?: number;
  /** Beside those that every replica has. */
  readonly flags?: readonly string[];
  readonly env?: Record<string, string>;
  /** What the agent of a node says at a time of the bed, milliseconds; undefined: nothing more. */
  readonly report?: (node: string, atMs: number) => NodeReport | undefined;
  /** Has more objects in the API server, before a replica is started. */
  readonly prepare?: (api: KubeApiServer) => void;
}

interface Agent {
  readonly node: string;
  readonly token: string;
  report: NodeReport | undefined;
}

/** Replicas of the apiserver in a small cluster, and agents that tell all of them the same, once a second. */
export class ReplicaBed {
  readonly api: KubeApiServer;
  readonly ca: string;
  /** Of whoever scrapes. */
  readonly token: string;
  readonly replicas: readonly ReplicaProcess[];
  readonly #agents: readonly Agent[];
  readonly #files: { readonly remove: () => Promise<void> };
  readonly #pushing = new Map<string, { readonly connection: Connection; isBusy: boolean }>();
  readonly #beganMs = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #report: Required<ReplicaBedOptions>['report'];

  private constructor(parts: Pick<ReplicaBed, 'api' | 'ca' | 'token' | 'replicas'> & Files & Reporting) {
    ({ api: this.api, ca: this.ca, token: this.token, replicas: this.replicas } = parts);
    this.#agents = parts.agents;
    this.#report = parts.report;
    this.#files = parts.files;
    this.#timer = setInterval(() => this.#tick(), 1_000);
    this.#tick();
  }

  static async start(
    nodes: readonly string[],
    { replicas = 2, flags: more = [], env = {}, report = reportOf, prepare = () => undefined }: ReplicaBedOptions = {},
  ): Promise<ReplicaBed> {
    const api = await createKubeApi({ onAccessReview: () => ({ allowed: true }) });
    const tokens = await ServiceAccountTokens.create(api);
    const [frontProxy, client] = await Promise.all(['front-proxy-ca', 'ca'].map((name) => createAuthority(name)));
    const trusted = authenticationData(frontProxy?.cert ?? '', client?.cert ?? '');
    api.put('/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication', { data: trusted });
    for (const name of ['agent', 'prometheus']) {
      api.put(`/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${name}`, { metadata: { uid: `uid-${name}` } });
    }
    const token = tokenOf(await tokens.issue(NAMESPACE, 'prometheus', {}));
    const agents: Agent[] = [];
    for (const node of nodes) {
      putPod(api, NAMESPACE, `agent-${node}`, node);
      putPod(api, 'default', `web-${node}`, node);
      const boundObjectRef = { kind: 'Pod', name: `agent-${node}` };
      const issued = await tokens.issue(NAMESPACE, 'agent', { spec: { audiences: ['podnet'], boundObjectRef } });
      agents.push({ node, token: tokenOf(issued), report: undefined });
    }
    prepare(api);
    const files = await createCertificateFiles();
    const flags = ['--kubeconfig', await api.kubeconfig(), ...files.flags, ...more];
    const started = await Promise.all(
      Array.from({ length: replicas }, () => startReplica({ flags, env, ca: files.ca, token })),
    );
    return new ReplicaBed({ api, ca: files.ca, token, replicas: started, agents, files, report });
  }

  /** The replica that says it exposes; undefined where none does. */
  async exposing(): Promise<ReplicaProcess | undefined> {
    const found: ReplicaProcess[] = [];
    for (const replica of this.replicas) {
      const text = await replica.scrape('/metrics');
      if (text !== undefined && /^podnet_apiserver_exposing 1$/m.test(text)) found.push(replica);
    }
    if (found.length > 1) throw new Error('two replicas expose');
    return found[0];
  }

  /** Of the agent of a node, for the server. */
  tokenOf(node: string): string {
    return this.#agents.find((agent) => agent.node === node)?.token ?? '';
  }

  /** What the counter of received bytes of each node stands at in the last report. */
  get countedBytes(): number {
    return Math.floor(((this.#agents[0]?.report?.sentAt ?? 0) / 1_000) * RATES.bytes);
  }

  /** No more counts; the last report goes to every replica that lives. */
  async settle(): Promise<void> {
    clearInterval(this.#timer);
    for (const replica of this.replicas.filter(
      ({ program }) => program.child.exitCode === null && !program.child.killed,
    )) {
      for (const agent of this.#agents) {
        await eventually(
          () => this.#push(agent, replica),
          (isTaken) => isTaken,
        );
      }
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const { connection } of this.#pushing.values()) connection.close();
    for (const { program } of this.replicas) {
      program.child.kill('SIGKILL');
      await program.ended;
    }
    await this.api.close();
    await this.#files.remove();
  }

  #tick(): void {
    const atMs = Math.round(performance.now() - this.#beganMs) + 1_000;
    for (const agent of this.#agents) {
      const report = this.#report(agent.node, atMs);
      if (report === undefined) continue;
      agent.report = report;
      for (const replica of this.replicas) void this.#push(agent, replica);
    }
  }

  /** One at a time to each replica, as an agent does: one that hangs costs the others nothing. @returns whether it was taken */
  async #push({ node, token, report }: Agent, replica: ReplicaProcess): Promise<boolean> {
    const key = `${node} ${replica.host}`;
    const to = this.#pushing.get(key) ?? { connection: replica.connect(), isBusy: false };
    this.#pushing.set(key, to);
    if (to.isBusy) return false;
    to.isBusy = true;
    try {
      const headers = {
        ...{ 'content-type': 'application/json', 'content-encoding': 'gzip' },
        authorization: `Bearer ${token}`,
      };
      const payload = gzipSync(JSON.stringify(report));
      const { statusCode } = await to.connection.ask(NODE_REPORTS_PATH, { method: 'POST', headers, payload });
      return statusCode === 200;
    } catch {
      return false; // it is dead, or was when this was sent
    } finally {
      to.isBusy = false;
    }
  }
}

interface Reporting {
  readonly agents: readonly Agent[];
  readonly report: Required<ReplicaBedOptions>['report'];
}

interface Files {
  readonly files: { readonly remove: () => Promise<void> };
}

function tokenOf(request: object): string {
  return (request as { readonly status: { readonly token: string } }).status.token;
}

function putPod(api: KubeApiServer, namespace: string, name: string, nodeName: string): void {
  const metadata = { uid: `uid-${name}`, creationTimestamp: CREATED };
  api.put(`/api/v1/namespaces/${namespace}/pods/${name}`, { metadata, spec: { nodeName } });
}

interface Starting {
  readonly flags: readonly string[];
  readonly env: Record<string, string>;
  readonly ca: string;
  /** Of whoever scrapes. */
  readonly token: string;
}

async function startReplica({ flags, env, ca, token }: Starting): Promise<ReplicaProcess> {
  const host = `127.0.0.1:${await freePort()}`;
  const [bindAddress = '', port = ''] = host.split(':');
  const own = ['--bind-address', bindAddress, '--secure-port', port, '--shutdown-delay', '3s'];
  const program = run(process.execPath, [PODNET, 'apiserver', ...own, ...flags], { env });
  const connect = (): Connection => connectOverHttp1({ url: `https://${host}`, ca });
  return {
    ...{ host, program, connect },
    scrape: async (path) => {
      const connection = connect();
      const headers = { authorization: `Bearer ${token}` };
      try {
        const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 1_000));
        const { statusCode, text } = (await Promise.race([connection.ask(path, { headers }), late])) ?? {};
        return statusCode === 200 ? text : undefined;
      } catch {
        return undefined; // not up yet, or not any more
      } finally {
        connection.close();
      }
    },
  };
}

/** Counters that are what the node's clock says. */
function reportOf(node: string, atMs: number): NodeReport {
  const readings = [readingOf(Math.floor((atMs / 1_000) * RATES.bytes))];
  const uid = `uid-web-${node}`;
  return nodeReport(atMs, {
    ...{ node, bootId: `boot-${node}`, instance: { id: `agent-${node}`, startedAt: 0 } },
    pods: [
      podReport({ uid, name: `web-${node}`, creationTimestamp: CREATED, interfaces: [interfaceReport({ readings })] }),
    ],
    ipam: [ipamSource(atMs, { awscni_add_ip_req_count: Math.floor((atMs / 1_000) * RATES.addresses) })],
  });
}
