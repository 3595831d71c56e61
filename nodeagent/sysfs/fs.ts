import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The only file of this folder that touches the disk. `root` is /sys, the host's mount of it, or a test's tree. */
export class SysFs {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** Names of the interfaces of the network namespace that this sysfs was mounted in. */
  netClass(): string[] {
    return readdirSync(join(this.#root, 'class/net'));
  }

  netClassEntries(interfaceName: string): string[] {
    return readdirSync(join(this.#root, 'class/net', interfaceName));
  }
}
