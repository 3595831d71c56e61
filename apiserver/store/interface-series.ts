import type { InterfaceReport } from '../../openapi/node-report.js';
import { INTERFACE_COUNTERS } from '../../openapi/report-terms.js';
import { CounterSeries } from './counter-series.js';
import type { InterfaceMeta } from './report.js';
import { isSame } from './same.js';
import { without } from './without.js';

/** Earlier identities of one interface that are remembered: an interface is not made anew more often within a history. */
const REMEMBERED_IDENTITIES = 16;

/** Columns of a reading in which the pod's receiving is counted. */
const RECEIVE_COLUMNS = INTERFACE_COUNTERS.map((counter) => counter.startsWith('receive'));

type Read = Pick<InterfaceReport, 'identity' | 'pciAddress' | 'source'>;

/** History of one interface. */
export class InterfaceSeries extends CounterSeries {
  meta: InterfaceMeta;
  /** The last identity that was known, and its epoch. */
  #identity = '';
  #epoch = 0;
  #newestEpoch = 0;
  #lowestEpoch = 0;
  #wasKnown = false;
  #wasDevice = false;
  #wasCountedByPf = false;
  #hasRead = false;
  #earlier: Map<string, number> | undefined;

  constructor(report: InterfaceReport, capacity: number) {
    super(INTERFACE_COUNTERS.length, capacity);
    this.meta = without(report, 'readings');
  }

  get name(): string {
    return this.meta.name;
  }

  get lowerDevices(): readonly string[] {
    return this.meta.lowerDevices ?? [];
  }

  /** Whether the pod receives what a counter does not count. */
  isUnreliable(column: number): boolean {
    return this.meta.receiveUnreliable === true && RECEIVE_COLUMNS[column] === true;
  }

  /** Whether a report tells of another interface, on another network, that has taken the name. */
  isElsewhere({ identity, network, nadNamespace }: InterfaceReport): boolean {
    const isSameNetwork = network === this.meta.network && nadNamespace === this.meta.nadNamespace;
    return !isSameNetwork && identity !== '' && this.#identity !== '' && identity !== this.#identity;
  }

  /** Takes over what a report says of this interface. */
  describe(report: InterfaceReport): void {
    if (!isSame(this.meta, report, 'readings')) this.meta = without(report, 'readings');
  }

  /** Takes over one reading of a report, where it has one. Rows are written in the order of their times. */
  read(row: number, report: InterfaceReport, i: number): void {
    const reading = report.readings[i] ?? null;
    if (reading === null) return;
    this.#identify(report);
    this.writeRow(row, reading, this.#epoch);
  }

  /**
   * A known identity that follows another known one begins an epoch; one seen before goes back to its own. Next to an unknown one
   * nothing is proven: the epoch stays. What is made with a pod (a veth, a macvlan) has counted from zero. A device with a PCI address
   * was there before and has counted for others: its epoch, and the one that comes after it, is no later one, but below zero. So is that of
   * another source: the PF counts another thing than the netdev, whether their identities are known or not.
   */
  #identify({ identity, pciAddress, source }: Read): void {
    const [wasKnown, wasDevice] = [this.#wasKnown, this.#wasDevice];
    this.#wasKnown = identity !== '';
    this.#wasDevice = pciAddress !== undefined;
    const isCountedByPf = source === 'vf';
    const isOfOther = this.#wasCountedByPf !== isCountedByPf && this.#hasRead;
    this.#wasCountedByPf = isCountedByPf;
    this.#hasRead = true;
    if ((identity === '' && !isOfOther) || identity === this.#identity) return;
    this.#remember(this.#identity, this.#epoch);
    const before = this.#earlier?.get(identity);
    if (before !== undefined) this.#epoch = before;
    else if (isOfOther || (wasKnown && (wasDevice || this.#wasDevice))) this.#epoch = --this.#lowestEpoch;
    else if (wasKnown) this.#epoch = ++this.#newestEpoch;
    this.#identity = identity;
  }

  #remember(identity: string, epoch: number): void {
    if (identity === '') return;
    this.#earlier ??= new Map();
    this.#earlier.set(identity, epoch);
    if (this.#earlier.size <= REMEMBERED_IDENTITIES) return;
    for (const oldest of this.#earlier.keys()) {
      this.#earlier.delete(oldest);
      return;
    }
  }
}
