import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** What one containerd has made on this machine: known by its directory, and by the prefix of its names. */
export interface Owner {
  readonly directory: string;
  readonly prefix: string;
  /** The host's ends of its pods' interfaces, which CNI names at random. */
  readonly links: ReadonlySet<string>;
}

/** What there is of it. Empty lists: nothing. */
export interface Leftovers {
  /** Of containerd, of its shims, and of all in its cgroups. */
  readonly pids: readonly number[];
  /** The deepest first. */
  readonly mounts: readonly string[];
  /** Directories, the deepest first. */
  readonly cgroups: readonly string[];
  readonly links: readonly string[];
  readonly files: readonly string[];
}

/** Where CNI keeps what it made, whatever the configuration says (libcni, CacheDir). */
const CNI_CACHE = '/var/lib/cni/results';

export function findLeftovers({ directory, prefix, links }: Owner): Leftovers {
  const cgroups = findCgroups(prefix);
  const inCgroups = cgroups.flatMap((cgroup) =>
    read(join(cgroup, 'cgroup.procs')).split('\n').filter(Boolean).map(Number),
  );
  return {
    pids: [...new Set([...findDaemons(directory), ...inCgroups])],
    mounts: mounts()
      .map(({ target }) => target)
      .filter((target) => target.startsWith(`${directory}/`))
      .reverse(),
    cgroups,
    links: list('/sys/class/net').filter((name) => name.startsWith(prefix) || links.has(name)),
    files: list(CNI_CACHE).flatMap((name) => {
      const file = join(CNI_CACHE, name);
      return name.startsWith(`${prefix}-`) || read(file).includes(`${directory}/`) ? [file] : [];
    }),
  };
}

/** containerd and its shims have a path of its directory among their arguments. */
function findDaemons(directory: string): number[] {
  return list('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    const [program = '', ...args] = read(`/proc/${pid}/cmdline`).split('\0');
    const isOurs = args.some((arg) => arg.startsWith(`${directory}/`));
    return isOurs && /^containerd(-shim|$)/.test(basename(program)) ? [Number(pid)] : [];
  });
}

/** Directories named for the prefix at the top of each hierarchy, and all below. */
function findCgroups(prefix: string): string[] {
  const tops = mounts().filter(({ type }) => type === 'cgroup' || type === 'cgroup2');
  return [...new Set(tops.map(({ target }) => join(target, prefix)))]
    .filter((top) => existsSync(top))
    .flatMap(deepestFirst);
}

function deepestFirst(directory: string): string[] {
  let entries;
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch {
    return []; // it went meanwhile
  }
  const below = entries
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => deepestFirst(join(directory, name)));
  return [...below, directory];
}

function mounts(): { target: string; type: string }[] {
  return read('/proc/self/mountinfo')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      return { target: before.split(' ')[4] ?? '', type: after.split(' ')[0] ?? '' };
    });
}

/** Empty for what is not there, or no more. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function list(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}
