import { columnsOf, printable } from './display-text.js';
import type { Screen } from './live-table.js';
import type { Output } from '../runtime/output.js';

const ESCAPE = '\u001b[';
const CLEAR_LINE = `${ESCAPE}2K`;
const CLEAR_BELOW = `${ESCAPE}0J`;
const HIDE_CURSOR = `${ESCAPE}?25l`;
const SHOW_CURSOR = `${ESCAPE}?25h`;
/** Lines kept for a terminal that has stopped reading (Ctrl-S); the oldest go first. */
const HELD_MAX = 1_000;

/** A terminal whose last lines are a block that is drawn again in its place; what is printed stays above it. */
export class LiveTerminal {
  readonly #output: Output;
  readonly #screen: () => Screen;
  #block: readonly string[] = [];
  #held: string[] = [];
  #isLive = false;

  /** @param screen - tells its present size. */
  constructor(output: Output, screen: () => Screen) {
    this.#output = output;
    this.#screen = screen;
  }

  /** From here on there is a block. */
  enter(): void {
    this.#output.write(HIDE_CURSOR);
    this.#isLive = true;
  }

  /** Shows the cursor again; the block stays as it is. */
  leave(): void {
    if (!this.#isLive) return;
    this.#isLive = false;
    this.#block = [];
    this.#output.write(`${this.#takeHeld()}${SHOW_CURSOR}`);
  }

  /** Draws the block. A terminal that has not taken the last one yet misses this one. */
  draw(lines: readonly string[]): void {
    if (!this.#isLive || this.#output.isBehind) return;
    const top = this.#toTop();
    const above = this.#takeHeld();
    this.#output.write(`${top}${above}${lines.map((line) => `${CLEAR_LINE}${line}\n`).join('')}${CLEAR_BELOW}`);
    this.#block = lines;
  }

  /** Lines that stay. */
  readonly print = (text: string): void => {
    this.#held.push(...text.trimEnd().split('\n').map(printable));
    this.#held.splice(0, this.#held.length - HELD_MAX);
    if (this.#isLive) this.draw(this.#block);
    else this.#output.write(this.#takeHeld());
  };

  /** They may be longer than the screen is wide, and wrap: what is drawn below makes room for them. */
  #takeHeld(): string {
    if (this.#held.length === 0) return '';
    const text = `${this.#isLive ? CLEAR_BELOW : ''}${this.#held.join('\n')}\n`;
    this.#held = [];
    return text;
  }

  /** Lines that a narrower screen has wrapped are no longer where they were drawn: a new block begins below them. */
  #toTop(): string {
    const { columns, rows } = this.#screen();
    const height = this.#block.length;
    const isInPlace = height < rows && this.#block.every((line) => columnsOf(line) <= columns);
    return isInPlace && height > 0 ? `${ESCAPE}${height}A\r` : '\r';
  }
}
