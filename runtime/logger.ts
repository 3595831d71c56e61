import { pino, type Logger } from 'pino';

export type { Logger };

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export const LOG_FORMATS = ['text', 'json'] as const;

export interface LoggerOptions {
  readonly level: (typeof LOG_LEVELS)[number];
  readonly format: (typeof LOG_FORMATS)[number];
  /** Where lines go; a program's is its standard error. */
  readonly write: (line: string) => void;
}

/** A structured logger: JSON lines, or `key=value` text for people. */
export function createLogger(program: string, { level, format, write }: LoggerOptions): Logger {
  const render = format === 'json' ? (line: string) => line : renderText;
  return pino(
    {
      level,
      base: { program },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => write(render(line)) },
  );
}

function renderText(line: string): string {
  const { level, time, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const fields = Object.entries(rest).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value)}`,
  );
  return `${String(time)} ${String(level)} ${String(msg)}${fields.join('')}\n`;
}

/** The message of whatever was thrown, with the code of a system error where it says more. */
export function errorMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const causes = error instanceof AggregateError ? `: ${error.errors.map(errorMessage).join('; ')}` : '';
  const code =
    'code' in error && typeof error.code === 'string' && !error.message.includes(error.code) ? `${error.code} ` : '';
  return `${code}${error.message}${causes}` || error.name;
}
