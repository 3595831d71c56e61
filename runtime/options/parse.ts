import { Command, CommanderError, Option as CommanderOption } from 'commander';
import type { Option, OptionTable, OptionValues } from './kinds.js';

export interface Program<Table extends OptionTable> {
  readonly name: string;
  readonly summary: string;
  readonly version: string;
  readonly options: Table;
  /** Checks across options; each message names the flags it speaks of. */
  readonly check?: (options: OptionValues<Table>) => string[];
}

/** What the command line asks for: to run, to print a text and end well, or nothing that can be done, with every reason. */
export type Invocation<Table extends OptionTable> =
  | { readonly kind: 'run'; readonly options: OptionValues<Table> }
  | { readonly kind: 'print'; readonly text: string }
  | { readonly kind: 'refuse'; readonly errors: readonly string[] };

/** `--some-flag` is also read from `PODNET_SOME_FLAG`. The command line wins. */
export function environmentName(flag: string): string {
  return `PODNET_${flag.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
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
  const errors: string[] = [];
  for (const [name, option] of Object.entries(program.options)) {
    const { texts, from } = given(command, option, env);
    try {
      values[name] = texts === undefined ? option.default : option.parse(texts);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      errors.push(`${from}: ${error.message}`);
    }
  }
  if (errors.length > 0) return { kind: 'refuse', errors };
  const options = values as OptionValues<Table>;
  const conflicts = program.check?.(options) ?? [];
  return conflicts.length > 0 ? { kind: 'refuse', errors: conflicts } : { kind: 'run', options };
}

function given(
  command: Command,
  option: Option<unknown>,
  env: Readonly<Record<string, string | undefined>>,
): { texts: readonly string[] | undefined; from: string } {
  const name = attributeName(option.flag);
  const value: unknown = command.getOptionValue(name);
  if (command.getOptionValueSource(name) === 'cli') {
    return { texts: Array.isArray(value) ? value.map(String) : [String(value)], from: `--${option.flag}` };
  }
  const twin = environmentName(option.flag);
  const text = env[twin];
  return { texts: text === undefined || text === '' ? undefined : [text], from: twin };
}

function attributeName(flag: string): string {
  return new CommanderOption(`--${flag}`).attributeName();
}

function createCommand({ name, summary, version, options }: Omit<Program<OptionTable>, 'check'>): Command {
  const command = new Command(name).description(summary).version(version).allowExcessArguments(false);
  for (const { flag, help, placeholder, repeatable, defaultText } of Object.values(options)) {
    const notes = [
      ...(repeatable === true ? ['repeatable'] : []),
      ...(defaultText === undefined ? [] : [`default: ${defaultText}`]),
      ...(placeholder === undefined && defaultText === 'on' ? [`off: --no-${flag}`] : []),
      `env: ${environmentName(flag)}`,
    ];
    const description = `${help} (${notes.join('; ')})`;
    if (placeholder === undefined) {
      command.addOption(new CommanderOption(`--${flag}`, description));
      command.addOption(new CommanderOption(`--no-${flag}`, `The opposite of --${flag}.`).hideHelp());
    } else {
      const option = new CommanderOption(`--${flag} <${placeholder}>`, description);
      command.addOption(repeatable === true ? option.argParser(collect) : option);
    }
  }
  return command;
}

function collect(value: string, previous: unknown): string[] {
  return [...(Array.isArray(previous) ? previous.map(String) : []), value];
}
