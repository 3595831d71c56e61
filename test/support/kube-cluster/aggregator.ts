import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { once } from 'node:events';
import type { User } from '../../../apiserver/auth/user.js';
import { errorMessage } from '../../../runtime/logger.js';
import { conditionOf, listAt, numberAt, textAt } from '../../cluster/json.js';
import type { Issued } from '../certificates.js';
import type { KubeApiServer } from '../kube-api.js';

const API_SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices/';
const PROBE_TIMEOUT_MS = 5_000;
/** As who kube-apiserver probes (contract 4.3). */
const PROBER: User = { name: 'system:kube-aggregator', groups: ['system:masters'], extra: {} };

/** Where the server of an APIService is, and what is to be trusted there. */
interface Backend {
  readonly host: string;
  readonly port: number;
  readonly serverName: string;
  readonly ca: string;
}

/** The aggregation layer of a kube-apiserver: registrations, probes, and requests that are handed on with who asks in headers. */
export class Aggregator {
  readonly #api: KubeApiServer;
  readonly #frontProxy: Issued;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 20 });

  constructor(api: KubeApiServer, frontProxy: Issued) {
    this.#api = api;
    this.#frontProxy = frontProxy;
  }

  /** `<version>.<group>` of every registration. */
  get registered(): { readonly name: string; readonly object: unknown }[] {
    return [...this.#api.objects]
      .filter(([path]) => path.startsWith(API_SERVICES))
      .map(([path, object]) => ({ name: path.slice(API_SERVICES.length), object }));
  }

  get allAvailable(): boolean {
    return this.registered.every(({ object }) => conditionOf(object, 'Available').status === 'True');
  }

  /** The registration that a path belongs to. */
  find(path: string): unknown {
    // every one of ours has the documents of all
    if (path.startsWith('/openapi/v3')) return this.registered.find(({ object }) => this.#hasService(object))?.object;
    const [, group = '', version = ''] = /^\/apis\/([^/]+)\/([^/?]+)/.exec(path) ?? [];
    return this.registered.find(({ name }) => name === `${version}.${group}`)?.object;
  }

  /** As APIGroups, the registrations with the highest priority first. */
  groups(): object[] {
    const specs = this.registered.map(({ object }) => ({
      group: textAt(object, 'spec', 'group'),
      version: textAt(object, 'spec', 'version'),
      priority: numberAt(object, 'spec', 'versionPriority') ?? 0,
    }));
    return [...new Set(specs.map(({ group }) => group))].map((name) => {
      const versions = specs
        .filter(({ group }) => group === name)
        .sort((a, b) => b.priority - a.priority)
        .map(({ version }) => ({ groupVersion: `${name}/${version}`, version }));
      return { kind: 'APIGroup', apiVersion: 'v1', name, versions, preferredVersion: versions[0] };
    });
  }

  /** Looks after the condition `Available` of every registration, as from 1.36: the certificate is verified. */
  async probe(): Promise<void> {
    for (const { name, object } of this.registered.filter((one) => this.#hasService(one.object))) {
      const path = `/apis/${textAt(object, 'spec', 'group')}/${textAt(object, 'spec', 'version')}`;
      const answer = await this.#status(object, path);
      const found = this.#api.objects.get(`${API_SERVICES}${name}`);
      const status = answer === '' ? 'True' : 'False';
      if (found === undefined || conditionOf(found, 'Available').status === status) continue;
      const condition = { type: 'Available', status, reason: answer === '' ? 'Passed' : 'FailedDiscoveryCheck' };
      this.#api.put(`${API_SERVICES}${name}`, {
        ...found,
        status: { conditions: [{ ...condition, message: answer }] },
      });
    }
  }

  /** Hands a request on, and its answer back. */
  async proxy(registration: unknown, user: User, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#ask(registration, user, {
      ...{ method: incoming.method ?? 'GET', path: incoming.url ?? '/' },
      accept: incoming.headers.accept,
    });
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  }

  /** The parsed answer to a GET; what cannot be reached is unavailable. */
  async get(path: string, user: User): Promise<{ readonly statusCode: number; readonly body: unknown }> {
    try {
      const answer = await this.#ask(this.find(path), user, { method: 'GET', path, accept: 'application/json' });
      let text = '';
      answer.setEncoding('utf8');
      for await (const chunk of answer) text += String(chunk);
      return { statusCode: answer.statusCode ?? 0, body: JSON.parse(text) as unknown };
    } catch (error) {
      return { statusCode: 503, body: { message: `error trying to reach service: ${errorMessage(error)}` } };
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Not, of what a test only claims to be somebody's. */
  #hasService(registration: unknown): boolean {
    const [namespace = '', name = ''] = ['namespace', 'name'].map((key) =>
      textAt(registration, 'spec', 'service', key),
    );
    return this.#api.objects.has(`/api/v1/namespaces/${namespace}/services/${name}`);
  }

  /** What is wrong with a backend; empty when it answers. */
  async #status(registration: unknown, path: string): Promise<string> {
    try {
      const answer = await this.#ask(registration, PROBER, { method: 'GET', path, accept: undefined });
      answer.resume();
      return answer.statusCode === 200 ? '' : `failing or missing response: ${answer.statusCode ?? 0}`;
    } catch (error) {
      return `failing or missing response: ${errorMessage(error)}`;
    }
  }

  async #ask(
    registration: unknown,
    user: User,
    { method, path, accept }: { method: string; path: string; accept: string | undefined },
  ): Promise<IncomingMessage> {
    const { host, port, serverName: servername, ca } = this.#backendOf(registration);
    const options: RequestOptions = {
      ...{ host, port, servername, method, path, agent: this.#agent },
      ...(ca !== '' && { ca }),
      ...{ cert: this.#frontProxy.chain, key: this.#frontProxy.key },
      headers: {
        ...(accept !== undefined && { accept }),
        'x-remote-user': user.name,
        'x-remote-group': [...user.groups],
      },
      timeout: PROBE_TIMEOUT_MS,
    };
    const outgoing = httpsRequest(options);
    outgoing.on('timeout', () => outgoing.destroy(new Error('timeout')));
    outgoing.end();
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    return answer;
  }

  /** An ExternalName is dialled as it is; else the address is that of the EndpointSlice (aggregator, ResolveCluster). */
  #backendOf(registration: unknown): Backend {
    const [namespace = '', name = ''] = ['namespace', 'name'].map((key) =>
      textAt(registration, 'spec', 'service', key),
    );
    const service = this.#api.objects.get(`/api/v1/namespaces/${namespace}/services/${name}`);
    if (service === undefined) throw new Error(`service ${namespace}/${name} is not there`);
    const slice = this.#api.objects.get(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices/${name}`);
    const external = textAt(service, 'spec', 'externalName');
    return {
      host: external === '' ? String(listAt(slice, 'endpoints', 0, 'addresses')[0]) : external,
      port: numberAt(registration, 'spec', 'service', 'port') ?? 443,
      serverName: `${name}.${namespace}.svc`,
      ca: Buffer.from(textAt(registration, 'spec', 'caBundle'), 'base64').toString('utf8'),
    };
  }
}
