import { readFileSync } from 'node:fs';
import type { Libc } from '../../nodeagent/rtnetlink/libc.js';
import { MESSAGE, attributeMap, attributesOf, messagesOf, type Message } from '../../nodeagent/rtnetlink/messages.js';
import { ScriptedLibc, encodeAnswer, type AskedFor, type Datagram } from './scripted-libc.js';

const RECORDED = 'test/fixtures/rtnetlink/igb-after-vf-traffic-patched-vfstats.bin';
const IFINFOMSG_BYTES = 16;
const IFINDEX_OFFSET = 4;
const EOPNOTSUPP = 95;
/** Linux include/uapi/linux/if_link.h. */
const VF_INFO_LIST = 22;
const VF_STATS = 8;
const STATS = { receivePackets: 0, transmitPackets: 1, receiveBytes: 2, transmitBytes: 3 } as const;

/** A kernel with the recorded VFs of two PFs, whose counters a test lets grow; it knows nothing but its links. */
export class VfKernel {
  readonly libc: Libc = new ScriptedLibc((asked) => [this.#answer(asked)]);
  readonly #links = new Map<number, Message>();

  constructor() {
    for (const message of messagesOf(readFileSync(RECORDED))) {
      if (message.type === MESSAGE.newLink) this.#links.set(message.body.readInt32LE(IFINDEX_OFFSET), message);
    }
  }

  /** Lets a VF count on, in the recorded bytes. */
  count(
    vf: { readonly pf: number; readonly index: number },
    growth: Partial<Record<keyof typeof STATS, number>>,
  ): void {
    const stats = this.#statsOf(vf);
    for (const [name, type] of Object.entries(STATS) as [keyof typeof STATS, number][]) {
      const value = stats.get(type);
      value?.writeBigUInt64LE(value.readBigUInt64LE() + BigInt(growth[name] ?? 0));
    }
  }

  #statsOf({ pf, index }: { readonly pf: number; readonly index: number }): Map<number, Buffer> {
    const body = this.#links.get(pf)?.body.subarray(IFINFOMSG_BYTES) ?? Buffer.alloc(0);
    const list = attributeMap(body, new Set([VF_INFO_LIST])).get(VF_INFO_LIST) ?? Buffer.alloc(0);
    const info = [...attributesOf(list)][index]?.value ?? Buffer.alloc(0);
    const stats = attributeMap(info, new Set([VF_STATS])).get(VF_STATS) ?? Buffer.alloc(0);
    return attributeMap(stats, new Set(Object.values(STATS)));
  }

  #answer({ type, body, sequence }: AskedFor): Datagram {
    const link = type === MESSAGE.getLink ? this.#links.get(body.readInt32LE(IFINDEX_OFFSET)) : undefined;
    if (link !== undefined) return { bytes: encodeAnswer(link.type, link.body, { sequence }) };
    const refusal = Buffer.alloc(4);
    refusal.writeInt32LE(-EOPNOTSUPP);
    return { bytes: encodeAnswer(MESSAGE.error, refusal, { sequence }) };
  }
}
