import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { HttpsClient, type HttpsAnswer } from '../../../nodeagent/push/https-client.js';
import type { NodeReport } from '../../../openapi/node-report.js';
import { NODE_REPORTS_PATH } from '../../../openapi/report-terms.js';
import { textAt } from '../json.js';
import type { Run } from '../run-context.js';
import { requestToken, type OwnServer } from './server.js';
import { podSpec } from './workloads.js';

const TIMEOUT_MS = 10_000;
const AUDIENCE = 'podnet';

/** What reports for one node: a pod there, whose token names the node, and a connection. */
export interface Agent {
  readonly node: string;
  readonly instance: string;
  post(report: NodeReport, signal: AbortSignal): Promise<HttpsAnswer>;
}

/** The agents of the nodes on which there is something to report. */
export class Agents {
  readonly #run: Run;
  readonly #image: string;
  readonly #client: HttpsClient;
  readonly #byNode = new Map<string, Promise<Agent>>();

  /** @param image what their pods run */
  constructor(run: Run, server: OwnServer, image: string) {
    this.#run = run;
    this.#image = image;
    this.#client = new HttpsClient(new URL(server.url), {
      ca: () => Promise.resolve(server.ca),
      timeoutMs: TIMEOUT_MS,
    });
  }

  /** The agent of a node, made when it is first asked for; a failure is tried again. */
  on(node: string): Promise<Agent> {
    const known = this.#byNode.get(node) ?? this.#create(node);
    this.#byNode.set(node, known);
    known.catch(() => this.#byNode.delete(node));
    return known;
  }

  close(): void {
    this.#client.close();
  }

  async #create(node: string): Promise<Agent> {
    const { cluster, names } = this.#run;
    const name = `agent-${randomUUID().slice(0, 8)}`;
    const pod = await cluster.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: names.system, labels: { ...names.labels, app: 'agent' } },
      spec: {
        ...podSpec(this.#image),
        ...{ nodeName: node, serviceAccountName: 'agent', tolerations: [{ operator: 'Exists' }] },
      },
    });
    const uid = textAt(pod, 'metadata', 'uid');
    const token = await requestToken(this.#run, 'agent', { audience: AUDIENCE, pod: { name, uid } });
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-encoding': 'gzip',
    };
    return {
      node,
      instance: name,
      post: (report, signal) =>
        this.#client.post(
          NODE_REPORTS_PATH,
          () => Promise.resolve({ headers, body: gzipSync(JSON.stringify(report)) }),
          signal,
        ),
    };
  }
}
