import { Command, CommanderError, Option as CommanderOption } from 'commander';
import type { Alias, Option, OptionTable, OptionValues } from './kinds.js';

/** A program as --help and docs/flags.md tell it. */
export interface ProgramHelp<Table extends OptionTable = OptionTable> {
  readonly name: string;
  readonly summary: string;
  readonly version: string;
  readonly options: Table;
  /** What is given besides the flags, at least one; undefined where there is nothing such. Shown as `<placeholder...>`. */
  readonly operands?: { readonly placeholder: string; readonly help: string };
}

export interface Program<Table extends OptionTable> extends ProgramHelp<Table> {
  /** Checks across options; each message names the flags it speaks of. */
  readonly check?: (options: OptionValues<Table>) => string[];
  /**
   * Whether an option means anything beside the others. Where it does not, an alias with a wrong value is no error: such a variable may be
   * there for somebody else.
   */
  readonly isUsed?: (flag: string, options: OptionValues<Table>) => boolean;
}

/** What the command line asks for: to run, to print a text and end well, or nothing that can be done, with every reason. */
export type Invocation<Table extends OptionTable> =
  | { readonly kind: 'run'; readonly options: OptionValues<Table>; readonly operands?: readonly string[] }
  | { readonly kind: 'print'; readonly text: string }
  | { readonly kind: 'refuse'; readonly errors: readonly string[] };

/** `--some-flag` is also read from `PODNET_SOME_FLAG`. The command line wins. */
export function environmentName(flag: string): string {
  return `PODNET_${flag.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
}

/** All names that an option has in the environment, the one that counts before the others first. */
export function environmentNames({
  flag,
  twin = environmentName(flag),
  aliases = [],
}: Pick<Option<unknown>, 'flag' | 'twin' | 'aliases'>): string[] {
  return [twin, ...aliases.map(({ name }) => name)];
}

/** Reads the options of a program. All wrong ones are told at once. */
export function parseOptions<Table extends OptionTable>(
  program: Program<Table>,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Invocation<Table> {
  let printed = '';
  const command = createCommand(program)
    .exitOverride()
    .configureOutput({ writeOut: (chunk) => (printed += chunk), writeErr: () => undefined });
  try {
    command.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'print', text: printed };
    return { kind: 'refuse', errors: [error.message.replace(/^error: /, '')] };
  }
  const values: Record<string, unknown> = {};
  const wrong: Wrong[] = [];
  for (const [name, option] of Object.entries(program.options)) {
    const { texts, from, alias } = given(command, option, env);
    try {
      values[name] = texts === undefined ? option.default : option.parse(texts.map(alias?.read ?? asItIs));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      values[name] = option.default;
      wrong.push({ flag: option.flag, isAlias: alias !== undefined, message: `${from}: ${error.message}` });
    }
  }
  const options = values as OptionValues<Table>;
  const errors = wrong.filter(({ flag, isAlias }) => !isAlias || (program.isUsed?.(flag, options) ?? true));
  if (errors.length > 0) return { kind: 'refuse', errors: errors.map(({ message }) => message) };
  const conflicts = program.check?.(options) ?? [];
  if (conflicts.length > 0) return { kind: 'refuse', errors: conflicts };
  return { kind: 'run', options, ...(program.operands !== undefined && { operands: command.args }) };
}

/** A value that an option cannot have. */
interface Wrong {
  readonly flag: string;
  readonly isAlias: boolean;
  readonly message: string;
}

/** What somebody said of an option, and where. */
interface Given {
  readonly texts: readonly string[] | undefined;
  readonly from: string;
  readonly alias?: Alias;
}

function given(command: Command, option: Option<unknown>, env: Readonly<Record<string, string | undefined>>): Given {
  const name = attributeName(option.flag);
  const value: unknown = command.getOptionValue(name);
  if (command.getOptionValueSource(name) === 'cli') {
    return { texts: Array.isArray(value) ? value.map(String) : [String(value)], from: `--${option.flag}` };
  }
  const isSet = (variable: string): boolean => env[variable] !== undefined && env[variable] !== '';
  const { twin = environmentName(option.flag) } = option;
  const alias = isSet(twin) ? undefined : option.aliases?.find((one) => isSet(one.name));
  const from = alias?.name ?? twin;
  return { texts: isSet(from) ? [env[from] ?? ''] : undefined, from, ...(alias !== undefined && { alias }) };
}

function asItIs(text: string): string {
  return text;
}

function attributeName(flag: string): string {
  return new CommanderOption(`--${flag}`).attributeName();
}

function createCommand({ name, summary, version, options, operands }: ProgramHelp): Command {
  const command = new Command(name).description(summary).version(version).allowExcessArguments(false);
  if (operands !== undefined) command.argument(`<${operands.placeholder}...>`, operands.help);
  for (const option of Object.values(options)) {
    const { flag, help, placeholder, repeatable, defaultText } = option;
    const notes = [
      ...(repeatable === true ? ['repeatable'] : []),
      ...(defaultText === undefined ? [] : [`default: ${defaultText}`]),
      ...(placeholder === undefined && defaultText === 'on' ? [`off: --no-${flag}`] : []),
      `env: ${environmentNames(option).join(', ')}`,
    ];
    const description = `${help} (${notes.join('; ')})`;
    if (placeholder === undefined) {
      command.addOption(new CommanderOption(`--${flag}`, description));
      command.addOption(new CommanderOption(`--no-${flag}`, `The opposite of --${flag}.`).hideHelp());
    } else {
      const shown = new CommanderOption(`--${flag} <${placeholder}>`, description);
      command.addOption(repeatable === true ? shown.argParser(collect) : shown);
    }
  }
  return command;
}

function collect(value: string, previous: unknown): string[] {
  return [...(Array.isArray(previous) ? previous.map(String) : []), value];
}
