import { duration, integer, optionalText, toggle, type OptionValues } from '../../runtime/options/kinds.js';
import type { Program } from '../../runtime/options/parse.js';

const HOUR_MS = 3_600_000;
const number = (flag: string, help: string, values: { default: number; min: number; max: number }) =>
  integer({ flag, help, ...values });
const time = (flag: string, help: string, values: { default: number; min: number; max: number }) =>
  duration({ flag, help, ...values });

const SIMULATE_OPTIONS = {
  nodes: number('nodes', 'Nodes of the cluster, each with an agent.', { default: 500, min: 1, max: 20_000 }),
  pods: number('pods', 'Pods of each node.', { default: 30, min: 1, max: 250 }),
  interfaces: number('interfaces', 'Interfaces of each pod, with eight counters each.', { default: 2, min: 1, max: 8 }),
  interval: time('interval', 'How often agents take a sample and push it.', {
    default: 15_000,
    min: 500,
    max: 300_000,
  }),
  servers: number('servers', 'Apiservers; every agent pushes to each.', { default: 1, min: 1, max: 4 }),
  duration: time('duration', 'How long to measure.', { default: 60_000, min: 1_000, max: 24 * HOUR_MS }),
  warmup: duration({
    ...{ flag: 'warmup', default: 0, min: 0, max: HOUR_MS, defaultText: 'until every node has three samples' },
    help: 'How long to wait before measuring.',
  }),
  ingestOnly: time('ingest-only', 'How long to measure what reports alone cost, before anybody asks; 0: not at all.', {
    default: 30_000,
    min: 0,
    max: HOUR_MS,
  }),
  cluster: toggle({
    flag: 'cluster',
    default: false,
    help: 'Plays a Kubernetes API that lists the pods: servers follow it, agents have tokens, and HPAs ask as kube-apiserver does.',
  }),
  churn: time('churn', 'How long a pod lives on average; 0: for ever.', {
    default: 1_800_000,
    min: 0,
    max: 24 * HOUR_MS,
  }),
  killEvery: time('kill-every', 'How long an agent runs on average until it is started anew; 0: for ever.', {
    ...{ default: 1_800_000, min: 0, max: 24 * HOUR_MS },
  }),
  rebootEvery: time('reboot-every', 'How long a node is up on average; 0: for ever.', {
    ...{ default: 4 * HOUR_MS, min: 0, max: 24 * HOUR_MS },
  }),
  agentProcesses: integer({
    ...{ flag: 'agent-processes', default: 0, min: 0, max: 16, defaultText: 'one for 1250 nodes' },
    help: 'Processes that the agents are spread over.',
  }),
  queries: number('queries', 'HPA queries a second, each of a namespace.', { default: 50, min: 1, max: 1_000 }),
  namespacePods: number('namespace-pods', 'Pods of each namespace.', { default: 1_000, min: 1, max: 100_000 }),
  scrapeInterval: time('scrape-interval', 'How often /metrics is scraped.', {
    default: 15_000,
    min: 500,
    max: 600_000,
  }),
  slack: time('slack', 'How long a report may be under way before its absence is a violation.', {
    ...{ default: 2_000, min: 100, max: 60_000 },
  }),
  growth: toggle({
    flag: 'growth',
    default: false,
    help: 'Runs 100, 500, 1000 and 5000 nodes one after the other, and prints one table.',
  }),
  nodeOptions: optionalText({
    flag: 'node-options',
    placeholder: 'flags',
    help: 'Of node and V8 for the servers, such as --max-semi-space-size=16 or --cpu-prof.',
  }),
  csv: optionalText({
    flag: 'csv',
    placeholder: 'file',
    help: 'Memory and CPU of the servers every 10 seconds, for a plot of a long --duration.',
  }),
  plot: optionalText({
    flag: 'plot',
    placeholder: 'file',
    help: 'The same memory as a picture, SVG.',
  }),
  json: toggle({ flag: 'json', default: false, help: 'Prints the figures as JSON, in place of the table.' }),
};
export type SimulateOptions = OptionValues<typeof SIMULATE_OPTIONS>;

export const simulateProgram: Program<typeof SIMULATE_OPTIONS> = {
  name: 'simulate',
  summary: 'Drives real apiservers with a simulated cluster, checks what they answer, and prints what it costs.',
  version: '1',
  options: SIMULATE_OPTIONS,
};
