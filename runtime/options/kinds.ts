import { parseDuration, renderDuration } from '../duration.js';

/**
 * One option of a program: its flag, its help and its meaning. The flags, their environment twins, `--help` and docs/flags.md
 * all derive from tables of these.
 */
export interface Option<T> {
  readonly flag: string;
  readonly help: string;
  /** Its name in the environment, where that of its flag belongs to a program that may run in the same container. */
  readonly twin?: string;
  /** What a predecessor called it in the environment; the first that is set counts, after the flag and its twin. */
  readonly aliases?: readonly Alias[];
  /** Shown as `--flag <placeholder>`; undefined for a switch. */
  readonly placeholder?: string;
  /** Given several times, or once with commas. */
  readonly repeatable?: boolean;
  /** As printed in the help; undefined where there is none. */
  readonly defaultText?: string;
  readonly default: T;
  /** @throws {TypeError} whose message completes "--flag: " */
  readonly parse: (texts: readonly string[]) => T;
}

/** A variable of the environment with a name of its own, and perhaps a spelling. */
export interface Alias {
  readonly name: string;
  /**
   * What the flag would have to be given for such a value; the same, where it is left out.
   * @throws {TypeError} whose message completes "NAME: "
   */
  readonly read?: (text: string) => string;
}

export type OptionTable = Readonly<Record<string, Option<unknown>>>;

export type OptionValues<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Option<infer Value> ? Value : never;
};

/** Every option of a table as it is when nobody says anything. */
export function defaultsOf<Table extends OptionTable>(table: Table): OptionValues<Table> {
  return Object.fromEntries(
    Object.entries(table).map(([name, option]) => [name, option.default]),
  ) as OptionValues<Table>;
}

interface Described<T> {
  readonly flag: string;
  readonly help: string;
  readonly twin?: string;
  readonly aliases?: readonly Alias[];
  readonly placeholder?: string;
  readonly default: T;
  readonly defaultText?: string;
}

/** An option of one value. */
function single<T>(described: Described<T>, parseOne: (text: string) => T): Option<T> {
  const shown = described.defaultText ?? (described.default === undefined ? undefined : String(described.default));
  return {
    placeholder: 'value',
    ...described,
    ...(shown !== undefined && { defaultText: shown }),
    parse: (texts) => parseOne(texts.at(-1) ?? ''),
  };
}

export function text(described: Described<string>): Option<string> {
  return single(described, parseText);
}

/** A text; `none` or an empty one turns off what it is for, and is empty. */
export function textOrOff(described: Described<string>): Option<string> {
  return single(described, (value) => (value === 'none' ? '' : value));
}

/** A text that may be left out. */
export function optionalText(described: Omit<Described<undefined>, 'default'>): Option<string | undefined> {
  return single<string | undefined>({ ...described, default: undefined }, parseText);
}

function parseText(value: string): string {
  if (value === '') throw new TypeError('must not be empty');
  return value;
}

export function choice<const T extends string>(
  described: Described<T> & { readonly choices: readonly T[] },
): Option<T> {
  const { choices, ...rest } = described;
  return single<T>({ ...rest, placeholder: choices.join('|') }, (value) => {
    const chosen = choices.find((one) => one === value);
    if (chosen === undefined) throw new TypeError(`must be one of ${choices.join(', ')}, not "${value}"`);
    return chosen;
  });
}

export function port(described: Described<number>): Option<number> {
  return single({ placeholder: 'port', ...described }, (value) => {
    const number = Number(value);
    if (!/^\d{1,5}$/.test(value) || number > 65_535) throw new TypeError(`must be a port, 0 to 65535, not "${value}"`);
    return number;
  });
}

/** A whole number. */
export function integer(described: Described<number> & { readonly min: number; readonly max: number }): Option<number> {
  const { min, max, ...rest } = described;
  return single({ placeholder: 'number', ...rest }, (value) => {
    const number = Number(value);
    if (!/^\d{1,15}$/.test(value) || number < min || number > max) {
      throw new TypeError(`must be a whole number, ${min} to ${max}, not "${value}"`);
    }
    return number;
  });
}

/** A duration with its unit (`250ms`, `15s`, `5m`, `1h`), as milliseconds. */
export function duration(
  described: Described<number> & { readonly min: number; readonly max: number },
): Option<number> {
  const { min, max, ...rest } = described;
  return single({ placeholder: 'duration', defaultText: renderDuration(described.default), ...rest }, (value) => {
    const milliseconds = parseDuration(value);
    if (milliseconds === undefined)
      throw new TypeError(`must be a duration with a unit, such as 15s or 5m, not "${value}"`);
    if (milliseconds < min || milliseconds > max) {
      throw new TypeError(`must be between ${renderDuration(min)} and ${renderDuration(max)}, not ${value}`);
    }
    return milliseconds;
  });
}

export function toggle(described: Omit<Described<boolean>, 'placeholder'>): Option<boolean> {
  return {
    ...described,
    defaultText: described.default ? 'on' : 'off',
    parse: (texts) => {
      const value = texts.at(-1);
      if (value !== 'true' && value !== 'false') throw new TypeError(`must be true or false, not "${String(value)}"`);
      return value === 'true';
    },
  };
}

/** A list: the flag repeated, or comma separated. */
export function list(described: Omit<Described<readonly string[]>, 'default'>): Option<readonly string[]> {
  return {
    placeholder: 'value',
    repeatable: true,
    default: [],
    ...described,
    parse: splitList,
  };
}

function splitList(texts: readonly string[]): string[] {
  return texts
    .flatMap((value) => value.split(','))
    .map((value) => value.trim())
    .filter((value) => value !== '');
}

/** Some of a set, the flag repeated or comma separated; all of them where nothing is said, and with `takesAll` for `all`. */
export function choices<const T extends string>(
  described: Omit<Described<readonly T[]>, 'default' | 'defaultText'> & {
    readonly choices: readonly T[];
    readonly takesAll?: boolean;
  },
): Option<readonly T[]> {
  const { choices: known, takesAll = false, ...rest } = described;
  return {
    placeholder: [...(takesAll ? ['all'] : []), ...known].join('|'),
    repeatable: true,
    ...rest,
    default: known,
    defaultText: 'all',
    parse: (texts) =>
      splitList(texts).flatMap((value) => {
        if (takesAll && value === 'all') return known;
        const chosen = known.find((one) => one === value);
        if (chosen === undefined) {
          throw new TypeError(`must be some of ${known.join(', ')}${takesAll ? ', or all' : ''}, not "${value}"`);
        }
        return [chosen];
      }),
  };
}

/** An object of Kubernetes in its namespace. */
export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** `<namespace>/<name>`, both DNS labels. */
export function objectName(described: Omit<Described<ObjectName>, 'defaultText'>): Option<ObjectName> {
  const { namespace, name } = described.default;
  const rest = { placeholder: 'namespace/name', ...described, defaultText: `${namespace}/${name}` };
  return single(rest, parseObjectName);
}

/** The same, or `none`. */
export function objectNameOrOff(
  described: Omit<Described<ObjectName | undefined>, 'defaultText'>,
): Option<ObjectName | undefined> {
  const { default: object } = described;
  const defaultText = object === undefined ? 'none' : `${object.namespace}/${object.name}`;
  const rest = { placeholder: 'namespace/name', ...described, defaultText };
  return single(rest, (value) => (value === 'none' ? undefined : parseObjectName(value)));
}

function parseObjectName(value: string): ObjectName {
  const [first = '', second = '', more] = value.split('/');
  if (!DNS_LABEL.test(first) || !DNS_LABEL.test(second) || more !== undefined) {
    throw new TypeError(`must be namespace/name, not "${value}"`);
  }
  return { namespace: first, name: second };
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `[::1]:port` or `:port` (all addresses). */
export function hostPort(described: Omit<Described<HostPort>, 'defaultText'>): Option<HostPort> {
  const rest = { placeholder: 'address', ...described, defaultText: renderHostPort(described.default) };
  return single(rest, (value) => {
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(value);
    const number = Number(match?.[3]);
    if (match === null || number > 65_535) throw new TypeError(`must be host:port, not "${value}"`);
    return { host: match[1] ?? match[2] ?? '', port: number };
  });
}

export function renderHostPort({ host, port: number }: HostPort): string {
  return host.includes(':') ? `[${host}]:${number}` : `${host}:${number}`;
}
