// A real Prometheus that scrapes a real apiserver and two real agents as docs/api.md says, with something to tell in every family.
import { setTimeout } from 'node:timers/promises';
import { INTERFACE_COUNTERS, NODE_REPORTS_PATH } from '../../openapi/report-terms.js';
import type { Nodeagent } from '../../nodeagent/start.js';
import { connectOverHttp1, type Answer, type Connection } from '../support/connections.js';
import { runNodeagent } from '../support/programs.js';
import { startPrometheus, type Prometheus } from '../support/prometheus.js';
import { ReplicaBed } from '../support/replicas.js';
import { startScriptedAws, type ScriptedAws } from '../support/scripted-aws.js';
import { AGENT_NODES, HASTY, MAX_SERIES, offeredPerSecond, POD_COUNT, putSimPods, reportAt } from './sim-cluster.js';

const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_EC2_METADATA_DISABLED: 'true' };
const ASK_EVERY_MS = 500;
/** Reports; a node may have four under way. */
const AT_ONCE = 5;
const QUERIES = [
  '/apis/custom.metrics.k8s.io/v1beta2/namespaces/team-0/pods/*/network_receive_bytes_per_second?labelSelector=app%3Dcheckout-service',
  '/apis/external.metrics.k8s.io/v1beta1/namespaces/podnet-system/ipam_free_ip_addresses',
];

/** What a scrape that goes by the documentation is made of. */
function configOf({ token, replicas }: ReplicaBed, agents: readonly Nodeagent[]): string {
  const hosts = (all: readonly string[]): string => `[${all.map((host) => `'${host}'`).join(', ')}]`;
  const server = (scraped: string, more: string): string => `
- job_name: podnet-${scraped}
  scheme: https
  honor_labels: true
  params: {${scraped}: [only]}
  authorization: {credentials: '${token}'}
  tls_config: {ca_file: ca.pem}
  static_configs: [{targets: ${hosts(replicas.map(({ host }) => host))}}]
  ${more}`;
  const agent = `
- job_name: podnet-agents
  honor_labels: true
  static_configs: [{targets: ${hosts(agents.map(({ url }) => new URL(url).host))}}]
  metric_relabel_configs: [{action: keep, source_labels: [__name__], regex: 'podnet_nodeagent_.*'}]`;
  const drop = 'metric_relabel_configs: [{action: labeldrop, regex: instance}]';
  return `global: {scrape_interval: 1s}\nscrape_configs:${server('exposer', drop)}${server('own', '')}${agent}\n`;
}

export class DashboardBed {
  readonly #asking: NodeJS.Timeout;

  #isClosed = false;

  private constructor(
    readonly prometheus: Prometheus,
    readonly replicas: ReplicaBed,
    readonly agents: readonly Nodeagent[],
    readonly cloudwatch: ScriptedAws,
    readonly connection: Connection,
    readonly hasty: readonly Connection[],
  ) {
    this.#asking = setInterval(() => {
      for (const path of QUERIES) void this.ask(path).catch(() => undefined); // not up yet
    }, ASK_EVERY_MS);
    for (const one of hasty) void this.#holdReport(one);
  }

  static async start(): Promise<DashboardBed> {
    const cloudwatch = await startScriptedAws((_asked, response) => response.end('{}'));
    const publish = ['cluster-id=test', 'region=eu-central-1', 'interval=1s', `endpoint=${cloudwatch.url}`];
    const replicas = await ReplicaBed.start([...AGENT_NODES, HASTY], {
      replicas: 1,
      env: CREDENTIALS,
      flags: [
        ...['--max-series', String(MAX_SERIES), '--publish.cloudwatch'],
        ...publish.map((flag) => `--publish.cloudwatch.${flag}`),
      ],
      report: reportAt,
      prepare: putSimPods,
    });
    const [replica] = replicas.replicas;
    if (replica === undefined) throw new TypeError('no replica');
    const server = { url: `https://${replica.host}`, ca: replicas.ca };
    const agents = await Promise.all([
      runNodeagent(server, ['--pod-source', 'none', '--node-name', 'real']),
      runNodeagent(server, [
        ...['--role', 'probe', '--node-name', 'real-prober', '--no-collector.dns'],
        // nobody answers there; that is enough for an agent to have something to tell of itself
        ...['--probe-listen-address', '127.0.0.1:0', '--dial.peers', 'other=127.0.0.2:9', '--dial.interval', '100ms'],
      ]),
    ]);
    const hasty = Array.from({ length: AT_ONCE }, () => connectOverHttp1(server));
    const prometheus = await startPrometheus(configOf(replicas, agents), { 'ca.pem': replicas.ca });
    return new DashboardBed(prometheus, replicas, agents, cloudwatch, connectOverHttp1(server), hasty);
  }

  readonly podCount = POD_COUNT;

  /** What all pods of the simulated cluster together receive, bytes a second. */
  offeredBytesPerSecond(): number {
    return offeredPerSecond(INTERFACE_COUNTERS.indexOf('receiveBytes'));
  }

  async close(): Promise<void> {
    clearInterval(this.#asking);
    this.#isClosed = true;
    for (const connection of [this.connection, ...this.hasty]) connection.close();
    await this.prometheus.close();
    await Promise.all(this.agents.map((agent) => agent.close()));
    await this.replicas.close();
    await this.cloudwatch.close();
  }

  async ask<Body>(path: string): Promise<Answer<Body>> {
    return this.connection.ask<Body>(path, { headers: { authorization: `Bearer ${this.replicas.token}` } });
  }

  /** One whose body never comes: so it is under way together with the others, however busy the machine is. */
  async #holdReport(connection: Connection): Promise<void> {
    const authorization = `Bearer ${this.replicas.tokenOf(HASTY)}`;
    const headers = { 'content-type': 'application/json', 'content-length': '1', authorization };
    while (!this.#isClosed) {
      await connection.ask(NODE_REPORTS_PATH, { method: 'POST', headers }).catch(() => undefined); // not up yet, or no more
      await setTimeout(ASK_EVERY_MS);
    }
  }
}
