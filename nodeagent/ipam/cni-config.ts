import { isRecord, isText } from '../../runtime/kube/objects.js';
import { doOverlap, rangeOf, type IpRange } from './ip-range.js';

/** The IPAM section of a network that has host-local give its addresses. */
export interface HostLocalSection {
  readonly network: string;
  /** Undefined: the default. */
  readonly dataDir: string | undefined;
  /** At least one. */
  readonly ranges: readonly IpRange[];
}

export interface CniConfig {
  readonly sections: readonly HostLocalSection[];
  /** Why a section is left out. */
  readonly problems: readonly string[];
}

/** What a name of a network, or of a container, may be (containernetworking/cni, pkg/utils). */
export const CNI_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,252}$/;

type Json = Readonly<Record<string, unknown>>;

interface Search {
  readonly sections: HostLocalSection[];
  readonly problems: string[];
  /** What the runtime added to the ranges of those plugins that say that they can take it. */
  readonly ipRanges: unknown;
}

const MAX_DEPTH = 8;
/** Of one file. */
const MAX_SECTIONS = 256;
const MAX_RANGES = 64;

/**
 * Finds what host-local is told in a network configuration: a list (`plugins`), a single plugin, or what others hand on (`delegate`,
 * `delegates`). The sizes of its ranges are nowhere else.
 * @param ipRanges the runtime's capability argument of that name
 * @throws {SyntaxError} it is not JSON
 * @see CNI specification 1.0, section 1; containernetworking/plugins, plugins/ipam/host-local/backend/allocator/config.go
 */
export function parseCniConfig(text: string, ipRanges?: unknown): CniConfig {
  const search: Search = { sections: [], problems: [], ipRanges };
  visit(JSON.parse(text), { name: '', isNamed: false, depth: 0 }, search);
  return search;
}

/**
 * A file of libcni's cache: the configuration of a network as the runtime, or Multus, used it.
 * @throws {SyntaxError} it is not JSON
 * @see containernetworking/cni, libcni/api.go, cachedInfo
 */
export function parseCachedCniConfig(text: string): CniConfig {
  const cached: unknown = JSON.parse(text);
  if (!isRecord(cached) || cached['kind'] !== 'cniCacheV1' || !isText(cached['config']))
    return { sections: [], problems: [] };
  const args = cached['capabilityArgs'];
  const config = Buffer.from(cached['config'], 'base64').toString('utf8');
  return parseCniConfig(config, isRecord(args) ? args['ipRanges'] : undefined);
}

interface Place {
  readonly name: string;
  /** Whether the name is that of the list that it is in, whatever it calls itself. */
  readonly isNamed: boolean;
  readonly depth: number;
}

function visit(value: unknown, { name: outer, isNamed, depth }: Place, search: Search): void {
  if (!isRecord(value) || depth > MAX_DEPTH || search.sections.length >= MAX_SECTIONS) return;
  // flannel replaces the ranges of what it hands on by those of its own subnet (flannel_linux.go, getDelegateIPAM())
  if (value['type'] === 'flannel') return;
  const name = !isNamed && isText(value['name']) ? value['name'] : outer;
  const ipam = value['ipam'];
  if (CNI_NAME.test(name) && isRecord(ipam) && fieldOf(ipam, 'type') === 'host-local')
    takeSection(name, value, ipam, search);
  const below = { name, depth: depth + 1 };
  for (const plugin of listOf(value['plugins'])) visit(plugin, { ...below, isNamed: true }, search);
  for (const delegate of [value['delegate'], ...listOf(value['delegates'])])
    visit(delegate, { ...below, isNamed: false }, search);
}

function takeSection(network: string, plugin: Json, ipam: Json, { sections, problems, ipRanges }: Search): void {
  try {
    const dataDir = textIn(ipam, 'dataDir');
    const ranges = rangesOf(ipam, takesIpRanges(plugin) ? ipRanges : undefined);
    if (ranges.length > 0) sections.push({ network, dataDir, ranges });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    problems.push(`network ${network}: ${error.message}`);
  }
}

function takesIpRanges({ capabilities }: Json): boolean {
  return isRecord(capabilities) && capabilities['ipRanges'] === true;
}

/**
 * Those of all sets; none where their subnet is only known when an address is asked for.
 * @throws {RangeError} where host-local refuses them
 */
function rangesOf(ipam: Json, added: unknown): IpRange[] {
  const flat = textIn(ipam, 'subnet') === undefined ? [] : [[ipam]];
  const sets = [...setsOf(added), ...flat, ...setsOf(fieldOf(ipam, 'ranges'))];
  const parts = sets.flat();
  if (parts.length > MAX_RANGES) throw new RangeError(`more than ${MAX_RANGES} ranges`);
  // Calico's plugin puts the node's own subnet in the place of these words (calico, cni-plugin/internal/pkg/utils)
  if (parts.some((one) => /^usePodCidr/i.test(textIn(one, 'subnet') ?? ''))) return [];
  const ranges = parts.map((one) =>
    rangeOf({
      subnet: textIn(one, 'subnet') ?? '',
      rangeStart: textIn(one, 'rangeStart'),
      rangeEnd: textIn(one, 'rangeEnd'),
      gateway: textIn(one, 'gateway'),
    }),
  );
  checkApart(ranges);
  let at = 0;
  for (const { length } of sets) checkFamily(ranges.slice(at, (at += length)));
  return ranges;
}

function setsOf(value: unknown): Json[][] {
  if (value === undefined || value === null) return [];
  const sets = Array.isArray(value) ? (value as readonly unknown[]) : [undefined];
  return sets.map((set) => {
    if (Array.isArray(set) && set.length > 0 && set.every(isRecord)) return set;
    throw new RangeError('its ranges are not lists of ranges');
  });
}

function checkApart(ranges: readonly IpRange[]): void {
  ranges.forEach((one, i) => {
    const other = ranges.slice(i + 1).find((next) => doOverlap(one, next));
    if (other !== undefined) throw new RangeError(`the ranges ${one.label} and ${other.label} overlap`);
  });
}

/** A set gives one address of its ranges. */
function checkFamily(set: readonly IpRange[]): void {
  if (new Set(set.map(({ family }) => family)).size > 1) throw new RangeError('a set has IPv4 and IPv6');
}

/** Empty and null are none, to Go. @throws {RangeError} where it is something else than a text */
function textIn(record: Json, name: string): string | undefined {
  const value = fieldOf(record, name) ?? '';
  if (typeof value !== 'string') throw new RangeError(`${name} is no text`);
  return value === '' ? undefined : value;
}

/** Go's encoding/json takes a name in any case, where there is none that is the same. */
function fieldOf(record: Json, name: string): unknown {
  if (Object.hasOwn(record, name)) return record[name];
  const lower = name.toLowerCase();
  return Object.entries(record).find(([key]) => key.toLowerCase() === lower)?.[1];
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
