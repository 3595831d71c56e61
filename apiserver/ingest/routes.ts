import { LRUCache } from 'lru-cache';
import { Type } from 'typebox';
import { NodeReport, NodeReportAnswer } from '../../openapi/node-report.js';
import { NODE_REPORTS_PATH, NODE_REPORT_VERSION, REPORT_LIMITS } from '../../openapi/report-terms.js';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/logger.js';
import type { App, Request } from '../api/app-types.js';
import { ApiError, statusOf } from '../api/errors.js';
import { checkNode, EXTRA } from '../auth/agent-identity.js';
import type { User } from '../auth/user.js';
import { routeSchema } from '../api/route-schema.js';
import type { Exposition } from '../exposition/exposition.js';
import type { SelfMetrics } from '../self-metrics.js';
import type { NodeSeries } from '../store/node-series.js';
import type { AcceptedReport } from '../store/report.js';
import type { IngestOutcome, Refusal, Store } from '../store/store.js';
import { checkReport } from './check.js';
import { inflate, inflatedSize } from './inflate.js';
import { IngestQueue, type QueueDeps, type Worked } from './ingest-queue.js';
import type { Rejections } from './rejections.js';
import { Steps } from './steps.js';

export interface IngestDeps {
  readonly store: Store;
  readonly exposition: Exposition;
  readonly clock: Clock;
  readonly metrics: SelfMetrics;
  readonly log: Logger;
  /** Whether agents have to show who they are. */
  readonly isGuarded: boolean;
  readonly allowUnboundAgents: boolean;
  /** Called with each agent that was let in and reports for its own node. */
  readonly onReport?: (user: User, role: AcceptedReport['role']) => void;
}

const REFUSALS: Readonly<Record<Refusal, string>> = {
  other_boot: 'another machine reports under this name: give each its own --node-name',
  superseded: 'an agent that started later reports for this node',
};

/** Nodes whose last complaint is remembered, so that it is logged when it changes and not at every report. */
const REMEMBERED_NODES = 10_000;

const NODE_REPORT_SCHEMA = routeSchema({
  operationId: 'createNodeReport',
  summary: 'What an agent pushes once an interval; what was left out of it is named.',
  kind: { groupVersion: NODE_REPORT_VERSION, kind: 'NodeReport' },
  action: 'post',
  headers: { 'Content-Encoding': Type.Literal('gzip', { description: 'A report is sent compressed.' }) },
  body: NodeReport,
  answer: NodeReportAnswer,
});

/** Inflated. What is larger is a history, and takes as long as several usual reports. */
const LARGE_BYTES = 64 * 1024;

/** Where agents push. */
export function ingestRoutes(app: App, deps: IngestDeps): void {
  const complaints = new LRUCache<string, string>({ max: REMEMBERED_NODES });
  const queue = new IngestQueue({ clock: deps.clock, ...queueMetrics(deps.metrics) });
  void app.register((scope: App, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer', bodyLimit: REPORT_LIMITS.compressedBytes },
      (_request, body, parsed) => {
        parsed(null, body);
      },
    );
    scope.addHook('onError', (_request, _reply, error, next) => {
      deps.metrics.reports.inc({ result: 'refused', reason: statusOf(error).reason });
      next();
    });
    // 5,000 nodes send 333 a second: a turn in the queue is given or refused, and what is done in it does not wait.
    const options = { schema: NODE_REPORT_SCHEMA, config: { endsByItself: true } };
    scope.post(NODE_REPORTS_PATH, options, (request) => {
      // An agent makes its report whole before it sends the headers: no sample is older than from then, however long its body,
      // its authentication and its turn take.
      const { user, arrivedMs: receivedMs } = request;
      const body = gzipBody(request);
      const work = () => workOff({ body, user, receivedMs }, { ...deps, complaints });
      return queue.run({ key: senderOf(request, deps.isGuarded), bytes: body.length }, work);
    });
    done();
  });
}

interface Arrived {
  readonly body: Buffer;
  readonly user: User;
  /** On the server's monotonic clock. */
  readonly receivedMs: number;
}

type Stored = Extract<IngestOutcome, { readonly ok: true }>;
type WorkDeps = IngestDeps & { readonly complaints: LRUCache<string, string> };

async function workOff({ body, user, receivedMs }: Arrived, deps: WorkDeps): Promise<Worked<NodeReportAnswer>> {
  const { clock, metrics } = deps;
  const steps = new Steps(clock, inflatedSize(body) >= LARGE_BYTES);
  const inflated = await steps.do(() => inflate(body, REPORT_LIMITS.inflatedBytes));
  metrics.reportBytes.inc({ encoding: 'gzip' }, body.length);
  metrics.reportBytes.inc({ encoding: 'identity' }, inflated.length);
  const parsed = await steps.do(() => parse(inflated));
  const { report, rejections } = await steps.do(() => checkReport(parsed, deps.store));
  if (deps.isGuarded) {
    checkNode(user, report.node, { allowUnbound: deps.allowUnboundAgents });
    deps.onReport?.(user, report.role);
  }
  const outcome = await steps.do(() => store(report, receivedMs, deps));
  const changed = outcome.isNew ? [outcome.node, ...outcome.affected] : [];
  for (const node of changed) await steps.do(() => deps.exposition.update(node, clock.monotonicMs()));
  metrics.reports.inc({ result: outcome.isNew ? 'accepted' : 'repeated', reason: '' });
  tellRejections(report.node, rejections, deps);
  metrics.ingestSeconds.observe(steps.spentMs / 1_000);
  const answer: NodeReportAnswer = {
    apiVersion: NODE_REPORT_VERSION,
    kind: 'NodeReportAnswer',
    lastSequence: outcome.node.lastSequence,
    historyMs: deps.store.historyMs,
    rejected: rejections.named,
    rejectedCount: rejections.total,
    ...basesFor(report, outcome.node),
  };
  return { intervalMs: report.intervalMs, answer };
}

/** @throws {ApiError} Conflict */
function store(report: AcceptedReport, receivedMs: number, { store, exposition, metrics, log }: IngestDeps): Stored {
  const outcome = store.ingest(report, receivedMs);
  if (!outcome.ok) throw new ApiError('Conflict', `${report.node}: ${REFUSALS[outcome.reason]}`);
  // A scrape that comes before their turn renders them itself: a pod that moved is never shown twice.
  if (outcome.isNew) for (const node of [outcome.node, ...outcome.affected]) exposition.invalidate(node);
  if (outcome.clockStepped) {
    metrics.clockSteps.inc();
    log.warn({ node: report.node }, "the node's monotonic clock stepped: its history is forgotten");
  }
  return outcome;
}

/**
 * Who sends one report after the other: all agents are one user, what tells them apart is their pod; without it the node, or else the
 * connection, where it has one report after the other.
 */
function senderOf({ user, ip, id, socket, raw }: Request, isGuarded: boolean): string {
  const { [EXTRA.podUid]: pods, [EXTRA.nodeName]: nodes } = isGuarded ? user.extra : {};
  const [bound] = pods ?? nodes ?? [];
  if (bound !== undefined) return `${user.name} ${bound}`;
  // Of HTTP/2 a proxy has one for many agents.
  const isOneAtATime = raw.httpVersionMajor < 2 && socket.remotePort !== undefined;
  return isOneAtATime ? `${ip} ${socket.remotePort}` : id;
}

/** An agent that does not know its VFs goes on from what they stood at before; that there are none is an answer, too. */
function basesFor(
  { role, devices }: AcceptedReport,
  { devices: known }: NodeSeries,
): Pick<NodeReportAnswer, 'virtualFunctionBases' | 'virtualFunctionsAt'> {
  if (role !== 'node' || devices?.virtualFunctions !== undefined) return {};
  const { toldAtMs } = known;
  return { virtualFunctionBases: known.bases(), ...(toldAtMs !== undefined && { virtualFunctionsAt: toldAtMs }) };
}

function gzipBody({ body, headers }: Request): Buffer {
  const encoding = headers['content-encoding'];
  if (encoding?.toLowerCase() !== 'gzip') {
    throw new ApiError(
      'UnsupportedMediaType',
      `Content-Encoding: a report is sent as gzip, not ${encoding ?? 'plain'}`,
    );
  }
  if (!Buffer.isBuffer(body)) throw new ApiError('BadRequest', 'the request has no body');
  return body;
}

function parse(inflated: Buffer): unknown {
  try {
    // What is not UTF-8 becomes U+FFFD, which no name may hold: it costs the entry it stands in, not the report.
    return JSON.parse(inflated.toString('utf8')) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new ApiError('BadRequest', `the report is not JSON: ${error.message.slice(0, 200)}`);
    throw error;
  }
}

function tellRejections(node: string, rejections: Rejections, { metrics, log, complaints }: WorkDeps): void {
  for (const [reason, count] of rejections.counts) metrics.rejectedEntries.inc({ reason }, count);
  const reasons = [...rejections.counts.keys()].sort().join(',');
  if ((complaints.get(node) ?? '') === reasons) return;
  complaints.set(node, reasons);
  if (reasons === '') log.info({ node }, 'every entry of the report is good again');
  else
    log.warn(
      { node, reasons, count: rejections.total, first: rejections.named[0] },
      'entries of the report were left out',
    );
}

function queueMetrics(metrics: SelfMetrics): Pick<QueueDeps, 'onChange' | 'onTurn'> {
  return {
    onChange: ({ reports, bytes }) => {
      metrics.queueReports.set(reports);
      metrics.queueBytes.set(bytes);
    },
    onTurn: (waitedMs) => metrics.queueSeconds.observe(waitedMs / 1_000),
  };
}
