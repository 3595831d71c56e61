// Run by DelayRelay: a wire between two interfaces that it makes, each in a namespace, arguments <netns> <name> <netns> <name>.
// A line of standard input is the delay of one way, milliseconds.
import { constants, openSync, read, writeSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import koffi from 'koffi';
import { TUN } from './requirements.js';
import { withinNetns } from './within-netns.js';

// linux/if_tun.h; the kernel's own names, and no packet information before a frame.
const TUNSETIFF = 0x4004_54ca;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
/** struct ifreq of linux/if.h: the name, 16 bytes, and what is asked for in it. */
const IFREQ = { bytes: 40, flagsAt: 16 };
/** More than any frame of an interface with the usual MTU of 1500. */
const FRAME_BYTES = 4_096;

const ioctl = koffi.load('libc.so.6').func('int ioctl(int, unsigned long, void *)') as (
  fd: number,
  request: number,
  argument: Buffer,
) => number;

/** The interface is there as long as the file is open. @returns the file that its frames are read from and written to */
function createTap(netns: string, name: string): number {
  return withinNetns(netns, () => {
    const tap = openSync(TUN, constants.O_RDWR);
    const request = Buffer.alloc(IFREQ.bytes);
    request.write(name, 'latin1');
    request.writeUInt16LE(IFF_TAP | IFF_NO_PI, IFREQ.flagsAt);
    if (ioctl(tap, TUNSETIFF, request) !== 0) throw new Error(`TUNSETIFF ${name}: errno ${koffi.errno()}`);
    return tap;
  });
}

let delayMs = 0;

/** What goes one way: in the order in which it came, also when the delay was made shorter meanwhile. */
class Way {
  readonly #waiting: { readonly frame: Buffer; readonly dueMs: number }[] = [];
  readonly #to: number;

  constructor(from: number, to: number) {
    this.#to = to;
    this.#readNext(from, Buffer.alloc(FRAME_BYTES));
  }

  #readNext(from: number, buffer: Buffer): void {
    read(from, buffer, 0, buffer.length, null, (error, length) => {
      if (error !== null) throw error;
      this.#take(Buffer.from(buffer.subarray(0, length)));
      this.#readNext(from, buffer);
    });
  }

  #take(frame: Buffer): void {
    this.#waiting.push({ frame, dueMs: performance.now() + delayMs });
    if (this.#waiting.length === 1) this.#passOn();
  }

  #passOn(): void {
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      const inMs = first.dueMs - performance.now();
      if (inMs > 0) {
        setTimeout(() => this.#passOn(), inMs);
        return;
      }
      this.#waiting.shift();
      send(this.#to, first.frame);
    }
  }
}

/** What an interface that is down does not take is lost, as on any wire. */
function send(to: number, frame: Buffer): void {
  try {
    writeSync(to, frame);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error;
  }
}

const [nearNetns = '', nearName = '', farNetns = '', farName = ''] = process.argv.slice(2);
const near = createTap(nearNetns, nearName);
const far = createTap(farNetns, farName);
new Way(near, far);
new Way(far, near);
const commands = createInterface({ input: process.stdin });
commands.on('line', (line) => {
  delayMs = Number(line);
  process.stdout.write(`${delayMs}\n`);
});
commands.on('close', () => process.exit()); // whoever started this is gone
process.stdout.write('ready\n');
