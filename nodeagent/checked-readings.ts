import { INTERFACE_COUNTERS } from '../openapi/report-terms.js';
import type { InterfaceReading, TransportReading } from './collectors/collector.js';
import type { Netns, Pod } from './inventory/pod.js';
import type { ReceiveCheck, Verdict } from './inventory/receive-check.js';
import type { NetnsEpochs } from './netns-epochs.js';
import type { PodReadings } from './report/history.js';

const RECEIVE_BYTES = INTERFACE_COUNTERS.indexOf('receiveBytes');
const RECEIVE_PACKETS = INTERFACE_COUNTERS.indexOf('receivePackets');
const RECEIVE = INTERFACE_COUNTERS.flatMap((name, column) => (name.startsWith('receive') ? [column] : []));

/** What is known of the pods from sweep to sweep, to judge the next by. */
export interface ReadingChecks {
  readonly received: ReceiveCheck;
  readonly epochs: NetnsEpochs;
}

/** What the collectors of one sweep have read; what an interface says it received is believed only when the receive check agrees. */
export class CheckedReadings {
  readonly #checks: ReadingChecks;
  readonly #interfaces = new Map<string, readonly InterfaceReading[]>();
  readonly #loopbacks = new Map<string, readonly number[]>();
  readonly #transport = new Map<string, TransportReading>();

  constructor(checks: ReadingChecks) {
    this.#checks = checks;
  }

  addInterfaces({ uid }: Pod, interfaces: readonly InterfaceReading[], loopback?: readonly number[]): void {
    this.#interfaces.set(uid, interfaces);
    if (loopback !== undefined) this.#loopbacks.set(uid, loopback);
  }

  addTransport({ uid }: Pod, transport: TransportReading): void {
    this.#transport.set(uid, transport);
  }

  /** @param atMs when the sweep began, on the monotonic clock */
  checked(pods: readonly Pod[], atMs: number): PodReadings {
    for (const { uid, netns, machine } of pods) {
      const readings = this.#interfaces.get(uid);
      if (readings === undefined || netns === undefined || machine === true) continue;
      this.#interfaces.set(uid, this.#checkPod(uid, readings, { netns, atMs }));
    }
    const transport = new Map([...this.#transport].map(([uid, { counters }]) => [uid, counters]));
    return { interfaces: this.#interfaces, transport };
  }

  #checkPod(
    uid: string,
    found: readonly InterfaceReading[],
    { netns, atMs }: { readonly netns: Netns; readonly atMs: number },
  ): readonly InterfaceReading[] {
    const { received, epochs } = this.#checks;
    const loopback = this.#loopbacks.get(uid);
    const id = epochs.idOf(uid, netns, found, loopback);
    const readings = found.map((one) => withNetns(one, netns, id));
    const verdict = received.check({
      ...{ uid, netns: id, atMs },
      interfaces: readings.map(({ meta: { name, identity }, counters }) => ({
        ...{ name, identity, receiveBytes: counters[RECEIVE_BYTES] ?? NaN },
        isUsed: counters.some((value) => value > 0),
      })),
      loopback: { bytes: loopback?.[RECEIVE_BYTES] ?? NaN, packets: loopback?.[RECEIVE_PACKETS] ?? NaN },
      ip: this.#transport.get(uid)?.ip ?? { bytes: NaN, groupBytes: NaN, packets: NaN },
    });
    return verdict.kind === 'sound' ? readings : readings.map((one) => judge(one, verdict, id));
  }
}

/** A known identity begins with the inode: it is to begin with what names the namespace at all times. */
function withNetns(reading: InterfaceReading, { inode }: Netns, id: string): InterfaceReading {
  const { meta } = reading;
  const ofInode = `${inode}/`;
  if (id === String(inode) || !meta.identity.startsWith(ofInode)) return reading;
  return { ...reading, meta: { ...meta, identity: `${id}/${meta.identity.slice(ofInode.length)}` } };
}

/** What comes of a VF was counted by its PF, whatever the network stack of the pod saw of it. */
function judge(
  reading: InterfaceReading,
  verdict: Exclude<Verdict, { kind: 'sound' }>,
  netnsId: string,
): InterfaceReading {
  const { meta, counters } = reading;
  if (meta.source !== 'netdev') return reading;
  const blank = counters.map((value, column) => (RECEIVE.includes(column) ? NaN : value));
  if (verdict.kind === 'unreliable') {
    return verdict.names.has(meta.name) ? { meta: { ...meta, receiveUnreliable: true }, counters: blank } : reading;
  }
  if (verdict.name !== meta.name) return reading;
  const identity = `${meta.identity === '' ? netnsId : meta.identity}/ip`; // the ifindex of a device without multicast is not known
  return {
    meta: { ...meta, source: 'ip', identity },
    counters: blank.with(RECEIVE_BYTES, verdict.receiveBytes).with(RECEIVE_PACKETS, verdict.receivePackets),
  };
}
