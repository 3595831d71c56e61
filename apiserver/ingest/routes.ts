import { LRUCache } from 'lru-cache';
import { Type } from 'typebox';
import { NodeReport, NodeReportAnswer } from '../../openapi/node-report.js';
import { NODE_REPORTS_PATH, NODE_REPORT_VERSION, REPORT_LIMITS } from '../../openapi/report-terms.js';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/logger.js';
import type { App } from '../api/app-types.js';
import { ApiError, statusOf } from '../api/errors.js';
import { checkNode } from '../auth/agent-identity.js';
import type { User } from '../auth/user.js';
import { routeSchema } from '../api/route-schema.js';
import type { Exposition } from '../exposition/exposition.js';
import type { SelfMetrics } from '../self-metrics.js';
import type { NodeSeries } from '../store/node-series.js';
import type { AcceptedReport } from '../store/report.js';
import type { Refusal, Store } from '../store/store.js';
import { checkReport } from './check.js';
import { inflate } from './inflate.js';
import type { Rejections } from './rejections.js';

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

/** Where agents push. */
export function ingestRoutes(app: App, deps: IngestDeps): void {
  const complaints = new LRUCache<string, string>({ max: REMEMBERED_NODES });
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
    scope.post(NODE_REPORTS_PATH, { schema: NODE_REPORT_SCHEMA }, async (request) => {
      const startedMs = deps.clock.monotonicMs();
      const body = await readBody(request.body, request.headers['content-encoding'], deps.metrics);
      const { report, rejections } = checkReport(body, deps.store);
      if (deps.isGuarded) {
        checkNode(request.user, report.node, { allowUnbound: deps.allowUnboundAgents });
        deps.onReport?.(request.user, report.role);
      }
      const nowMs = deps.clock.monotonicMs();
      const outcome = deps.store.ingest(report, nowMs);
      if (!outcome.ok) throw new ApiError('Conflict', `${report.node}: ${REFUSALS[outcome.reason]}`);
      if (outcome.isNew) {
        for (const node of [outcome.node, ...outcome.affected]) deps.exposition.update(node, nowMs);
      }
      if (outcome.clockStepped) {
        deps.metrics.clockSteps.inc();
        deps.log.warn({ node: report.node }, "the node's monotonic clock stepped: its history is forgotten");
      }
      deps.metrics.reports.inc({ result: outcome.isNew ? 'accepted' : 'repeated', reason: '' });
      tellRejections(report.node, rejections, { ...deps, complaints });
      deps.metrics.ingestSeconds.observe((deps.clock.monotonicMs() - startedMs) / 1_000);
      const answer: NodeReportAnswer = {
        apiVersion: NODE_REPORT_VERSION,
        kind: 'NodeReportAnswer',
        lastSequence: outcome.node.lastSequence,
        historyMs: deps.store.historyMs,
        rejected: rejections.named,
        rejectedCount: rejections.total,
        ...basesFor(report, outcome.node),
      };
      return answer;
    });
    done();
  });
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

async function readBody(body: unknown, encoding: string | undefined, metrics: SelfMetrics): Promise<unknown> {
  if (encoding?.toLowerCase() !== 'gzip') {
    throw new ApiError(
      'UnsupportedMediaType',
      `Content-Encoding: a report is sent as gzip, not ${encoding ?? 'plain'}`,
    );
  }
  if (!Buffer.isBuffer(body)) throw new ApiError('BadRequest', 'the request has no body');
  const inflated = await inflate(body, REPORT_LIMITS.inflatedBytes);
  metrics.reportBytes.inc({ encoding: 'gzip' }, body.length);
  metrics.reportBytes.inc({ encoding: 'identity' }, inflated.length);
  try {
    // What is not UTF-8 becomes U+FFFD, which no name may hold: it costs the entry it stands in, not the report.
    return JSON.parse(inflated.toString('utf8')) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new ApiError('BadRequest', `the report is not JSON: ${error.message.slice(0, 200)}`);
    throw error;
  }
}

function tellRejections(
  node: string,
  rejections: Rejections,
  { metrics, log, complaints }: IngestDeps & { readonly complaints: LRUCache<string, string> },
): void {
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
