import type { InterfaceReport, NodeReport, PodReport } from '../../openapi/node-report.js';
import { networkOf, type ChurnPod } from './churn-pod.js';

type Reading = InterfaceReport['readings'][number];

interface Told {
  readonly sequence: number;
  readonly reading: NonNullable<Reading>;
}

/** As many problems as anybody reads. */
const MAX_PROBLEMS = 20;

/** Holds every report against what is known of the pods of a test, as it comes: there are too many to keep. */
export class ReportCheck {
  readonly #pods: ReadonlyMap<string, ChurnPod>;
  /** The last reading of each counter, by uid, interface and identity. */
  readonly #last = new Map<string, Told>();
  /** Of the newest sample. */
  #sequence = 0;
  /** When the newest pod of any sample came. */
  #listedAt = 0;
  /** Samples of pods that were known to be gone. */
  readonly #late = new Map<string, Set<number>>();
  readonly problems: string[] = [];
  newest: NodeReport | undefined;
  reports = 0;
  /** Readings that said more than the one before. */
  grown = 0;

  /** @param pods by uid: those that the API listed at some time */
  constructor(pods: ReadonlyMap<string, ChurnPod>) {
    this.#pods = pods;
  }

  take(report: NodeReport): void {
    this.newest = report;
    this.reports++;
    const known = report.pods.flatMap((told) => {
      const pod = this.#pods.get(told.uid);
      if (pod === undefined) this.#complain(`${told.uid}: the API never listed it`);
      return pod === undefined ? [] : [{ told, pod }];
    });
    for (const { told, pod } of known) {
      this.#checkNames(told, pod);
      for (const one of told.interfaces ?? []) this.#checkInterface(one, pod, report);
    }
    for (const [i, { sequence }] of report.samples.entries()) {
      if (sequence <= this.#sequence) continue; // a new connection is told everything once more
      this.#sequence = sequence;
      const read = known.filter(({ told }) => told.interfaces?.some(({ readings }) => (readings[i] ?? null) !== null));
      this.#checkListed(
        read.map(({ pod }) => pod),
        sequence,
      );
      this.#checkIdentities(
        read.map(({ told }) => told),
        i,
      );
    }
  }

  #checkNames({ uid, namespace, name, hostNetwork, interfaces = [] }: PodReport, pod: ChurnPod): void {
    if (namespace !== pod.namespace || name !== pod.name) this.#complain(`${uid}: called ${namespace}/${name}`);
    if (hostNetwork) this.#complain(`${uid}: in the node's network`);
    const names = interfaces.map((one) => one.name);
    if (new Set(names).size !== names.length) this.#complain(`${uid}: one interface twice: ${names.join()}`);
  }

  #checkInterface(one: InterfaceReport, pod: ChurnPod, { samples }: NodeReport): void {
    const { name, identity, network, hostInterface, readings } = one;
    const where = `${pod.uid} ${name} ${identity}`;
    if (!pod.interfaces.includes(name)) this.#complain(`${where}: not its interface`);
    const networks = Array.from({ length: pod.revision + 1 }, (_, revision) => networkOf({ ...pod, revision }));
    if (!['', 'default', ...networks].includes(network)) this.#complain(`${where}: not its network: ${network}`);
    if (hostInterface !== undefined && hostInterface !== pod.hostInterface) {
      this.#complain(`${where}: the other end is not ${hostInterface}`);
    }
    if (identity === '') this.#complain(`${where}: no identity`);
    for (const [i, reading] of readings.entries()) {
      if (reading !== null) this.#checkReading(where, { sequence: samples[i]?.sequence ?? 0, reading });
    }
  }

  #checkReading(where: string, told: Told): void {
    const { sequence, reading } = told;
    const last = this.#last.get(where);
    if (last !== undefined && last.sequence > sequence) return;
    const isWrong = reading.some((value, i) => {
      const before = last?.reading[i] ?? 0;
      return value === null || value < before || (last?.sequence === sequence && value !== before);
    });
    if (last !== undefined && reading.some((value, i) => (value ?? 0) > (last.reading[i] ?? 0))) this.grown++;
    if (isWrong) this.#complain(`${where}: ${last?.reading.join() ?? ''} and then ${reading.join()}`);
    this.#last.set(where, told);
  }

  /** What is freed may be another pod's later, but at no time two have it. */
  #checkIdentities(pods: readonly PodReport[], sample: number): void {
    const owners = new Map<string, string>();
    for (const { uid, interfaces = [] } of pods) {
      for (const { identity } of interfaces.filter(({ readings }) => (readings[sample] ?? null) !== null)) {
        const owner = owners.get(identity);
        if (owner !== undefined) this.#complain(`${identity}: of ${owner} and of ${uid}`);
        owners.set(identity, uid);
      }
    }
  }

  /**
   * A sample with a pod that nothing has happened to is one of all pods that the API lists: none was gone when another came. After that
   * a pod that is gone has one sample more, its last, with others that ended.
   */
  #checkListed(pods: readonly ChurnPod[], sequence: number): void {
    const newest = Math.max(0, ...pods.filter(({ isEnding }) => !isEnding).map(({ listedAt }) => listedAt));
    for (const { uid, unlistedAt } of pods) {
      if (unlistedAt < newest) this.#complain(`${uid}: in sample ${sequence}, and the API no longer listed it`);
      if (unlistedAt > this.#listedAt) continue;
      const late = (this.#late.get(uid) ?? new Set()).add(sequence);
      this.#late.set(uid, late);
      if (late.size > 1) this.#complain(`${uid}: read again and again when it was gone: ${[...late].join()}`);
    }
    this.#listedAt = Math.max(this.#listedAt, newest);
  }

  #complain(problem: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(problem);
  }
}

/** Lines for what a report has otherwise than the pods that are there, each with its process and in its namespace. */
export function shortcomings(report: NodeReport | undefined, pods: ReadonlySet<ChurnPod>): string[] {
  const told = new Map(report?.pods.map((pod) => [pod.uid, pod]));
  const extra = told.size - [...pods].filter(({ uid }) => told.has(uid)).length;
  const wrong = [...pods].filter((pod) => !isWhole(told.get(pod.uid), pod)).map(({ uid }) => `${uid} is not whole`);
  return [...(extra > 0 ? [`${extra} pods too many`] : []), ...wrong];
}

function isWhole(told: PodReport | undefined, pod: ChurnPod): boolean {
  const interfaces = told?.interfaces?.filter(({ readings }) => readings.some((reading) => reading !== null)) ?? [];
  const hasAll =
    interfaces
      .map(({ name }) => name)
      .sort()
      .join() === pod.interfaces.join();
  const hasPeer = interfaces.every(({ hostInterface }) => hostInterface === pod.hostInterface);
  const network = pod.isMalformed ? '' : networkOf(pod);
  return hasAll && hasPeer && interfaces.every((one) => one.network === network);
}
