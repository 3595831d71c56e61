import type { WriteStream } from 'node:tty';

const ESCAPE = '\u001b[';
const CLEAR_LINE = `${ESCAPE}2K`;
const CLEAR_BELOW = `${ESCAPE}0J`;
const CLEAR_SCREEN = `${ESCAPE}2J${ESCAPE}H`;
const HIDE_CURSOR = `${ESCAPE}?25l`;
const SHOW_CURSOR = `${ESCAPE}?25h`;

/** A block of lines at the end of a terminal that is drawn again in its place. */
export class RedrawnBlock {
  readonly #terminal: WriteStream;
  #height = 0;

  constructor(terminal: WriteStream) {
    this.#terminal = terminal;
    terminal.write(HIDE_CURSOR);
    terminal.on('resize', this.#startOver);
  }

  /** Lines that were wrapped by a new width are no longer where they were drawn. */
  readonly #startOver = (): void => {
    this.#terminal.write(CLEAR_SCREEN);
    this.#height = 0;
  };

  draw(lines: readonly string[]): void {
    const up = this.#height > 0 ? `${ESCAPE}${this.#height}A` : '';
    this.#terminal.write(`${up}\r${lines.map((line) => `${CLEAR_LINE}${line}\n`).join('')}${CLEAR_BELOW}`);
    this.#height = lines.length;
  }

  close(): void {
    this.#terminal.off('resize', this.#startOver);
    this.#terminal.write(SHOW_CURSOR);
  }
}
