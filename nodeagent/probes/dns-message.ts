import { randomInt } from 'node:crypto';
import { encode, RECURSION_DESIRED } from 'dns-packet';
import type { ProbeMetas } from './probe.js';
import type { ProbeReason } from '../../openapi/report-terms.js';

export type DnsProtocol = ProbeMetas['dns']['protocol'];

/** One question, as it goes to the server. */
export interface DnsQuery {
  readonly type: 'A' | 'AAAA';
  readonly id: number;
  readonly bytes: Buffer;
}

/**
 * What a message says about a query: `foreign`, that it is no answer to it; `addresses`, that the name has some of the type; `empty`, that
 * it has none; else why it does not tell.
 */
export type Verdict = 'foreign' | 'addresses' | ProbeReason<'dns'>;

/** Bytes that the answer over UDP may have: what passes everywhere in one piece (DNS flag day 2020). */
const UDP_SIZE = 1_232;

const HEADER_SIZE = 12;
/** Of a record, after its name: type, class, TTL, length of the data (RFC 1035, 4.1.3). */
const RECORD_SIZE = 10;
/** An OPT record without options: the name of the root, then as any other (RFC 6891, 6.1.2). */
const OPT_SIZE = 1 + RECORD_SIZE;
const NAME_SIZE_MAX = 255;
const LABEL_SIZE_MAX = 63;
const POINTER = 0xc0;

/** Flags of the header (RFC 1035, 4.1.1). */
const RESPONSE = 0x80_00;
const OPCODE = 0x78_00;
const TRUNCATED = 0x02_00;
const RCODE = 0x0f;
const RCODE_REASONS: ReadonlyMap<number, Verdict> = new Map([
  [2, 'servfail'],
  [3, 'nxdomain'],
  [5, 'refused'],
]);

const CLASS_IN = 1;
const TYPE_OPT = 41;
const ADDRESS_RECORDS = { A: { type: 1, size: 4 }, AAAA: { type: 28, size: 16 } } as const;

/** The questions that getaddrinfo(3) asks of a name, with ids of their own. @param host with its dot at the end */
export function createQueries(host: string): readonly [DnsQuery, DnsQuery] {
  const id = randomInt(0x1_00_00);
  const other = (id + 1 + randomInt(0xff_ff)) % 0x1_00_00;
  return [createQuery(host, 'A', id), createQuery(host, 'AAAA', other)];
}

function createQuery(host: string, type: DnsQuery['type'], id: number): DnsQuery {
  const edns = { udpPayloadSize: UDP_SIZE, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] };
  const bytes = encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ name: host, type }],
    additionals: [{ type: 'OPT', name: '.', ...edns }],
  });
  return { type, id, bytes };
}

/**
 * Judges what came from where a query went to. Takes time in proportion to the bytes, whatever they are.
 *
 * dns-packet makes the questions and does not read the answers: it reads addresses past the end of a message that was cut, and of 64 KiB made
 * for it (names that point to one chain of pointers) half a second. None of what a record holds is needed here, so none is read.
 */
export function judgeAnswer(query: DnsQuery, bytes: Buffer, protocol: DnsProtocol): Verdict {
  if (!isAnswerTo(query, bytes)) return 'foreign';
  if (protocol === 'udp' && bytes.length > UDP_SIZE) return 'malformed';
  const flags = bytes.readUInt16BE(2);
  const rcode = flags & RCODE;
  if (rcode !== 0) return RCODE_REASONS.get(rcode) ?? 'rcode';
  const isTruncated = (flags & TRUNCATED) !== 0;
  if (isTruncated && protocol === 'udp') return 'truncated'; // before its records: it may be cut anywhere
  const found = readRecords(query, bytes);
  if (found === undefined) return 'malformed';
  if (found.extendedRcode !== 0) return 'rcode';
  if (found.hasAddress) return 'addresses';
  return isTruncated ? 'truncated' : 'empty';
}

function isAnswerTo(query: DnsQuery, bytes: Buffer): boolean {
  if (bytes.length < HEADER_SIZE || bytes.readUInt16BE(0) !== query.id) return false;
  const flags = bytes.readUInt16BE(2);
  if ((flags & (RESPONSE | OPCODE)) !== RESPONSE) return false;
  const questions = bytes.readUInt16BE(4);
  // Some servers repeat no question of what they did not understand or would not hear; glibc's res_send.c takes FORMERR so, too.
  if (questions === 0) return (flags & RCODE) !== 0;
  return questions === 1 && questionOf(bytes, query).equals(questionOf(query.bytes, query));
}

/** The question of a message, if it has one as long as that of the query: upper case and lower are the same (RFC 4343). */
function questionOf(bytes: Buffer, query: DnsQuery): Buffer {
  const question = bytes.subarray(HEADER_SIZE, query.bytes.length - OPT_SIZE);
  return Buffer.from(question.toString('latin1').toLowerCase(), 'latin1'); // lengths, type and class are no letters
}

/** @returns undefined where the records are not all there, or are not what they say */
function readRecords(
  query: DnsQuery,
  bytes: Buffer,
): { readonly hasAddress: boolean; readonly extendedRcode: number } | undefined {
  const address = ADDRESS_RECORDS[query.type];
  const answers = bytes.readUInt16BE(6);
  const records = answers + bytes.readUInt16BE(8) + bytes.readUInt16BE(10);
  let at = query.bytes.length - OPT_SIZE; // where the question ends: it is the same
  let hasAddress = false;
  let extendedRcode = 0; // the upper bits of the rcode (RFC 6891, 6.1.3)
  for (let n = 0; n < records; n++) {
    const fields = endOfName(bytes, at);
    if (fields === undefined || fields + RECORD_SIZE > bytes.length) return undefined;
    const type = bytes.readUInt16BE(fields);
    const size = bytes.readUInt16BE(fields + 8);
    at = fields + RECORD_SIZE + size;
    if (at > bytes.length) return undefined;
    if (n >= answers) {
      if (type === TYPE_OPT) extendedRcode = bytes.readUInt8(fields + 4);
    } else if (type === address.type && bytes.readUInt16BE(fields + 2) === CLASS_IN) {
      if (size !== address.size) return undefined;
      hasAddress = true;
    }
  }
  return { hasAddress, extendedRcode };
}

/** A pointer ends a name (RFC 1035, 4.1.4). It has to point to before the name; where to is not followed. */
function endOfName(bytes: Buffer, start: number): number | undefined {
  for (let at = start; at < bytes.length && at - start < NAME_SIZE_MAX;) {
    const length = bytes.readUInt8(at);
    if (length >= POINTER) {
      const target = at + 1 < bytes.length ? bytes.readUInt16BE(at) & 0x3f_ff : 0;
      return target >= HEADER_SIZE && target < start ? at + 2 : undefined;
    }
    if (length > LABEL_SIZE_MAX) return undefined;
    at += 1 + length;
    if (length === 0) return at;
  }
  return undefined;
}
