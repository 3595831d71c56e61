import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const MANIFESTS = 'test/fixtures/sys/manifests';

/**
 * A sysfs in a temporary directory that a test may change as it likes; it goes with its scope (`using tree = …`).
 *
 * A manifest has a line for each entry: `path = content`, `path -> target of the link` or `path/` for an empty directory.
 * Paths are below the root; directories between are made; lines of a content are joined by `\n` written out, the last of them is implied.
 */
export class SysfsTree implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'podnet-sys-'));

  /** One with nothing in it. */
  static empty(): SysfsTree {
    return new SysfsTree();
  }

  /** @param name of a file in test/fixtures/sys/manifests, without `.txt` */
  static from(name: string): SysfsTree {
    return new SysfsTree().add(readFileSync(join(MANIFESTS, `${name}.txt`), 'utf8'));
  }

  /** Everything that the manifest names; lines that begin with # say something of it. */
  add(manifest: string): this {
    for (const line of manifest.split('\n')) {
      if (line === '' || line.startsWith('#')) continue;
      const match = /^(\S+?)(?:\/| -> (.+)| = ?(.*))$/.exec(line);
      if (match === null) throw new Error(`not a line of a manifest: ${line}`);
      const [, path = '', target, content] = match;
      if (target !== undefined) this.link(path, target);
      else if (content !== undefined) this.write(path, `${content.replaceAll('\\n', '\n')}\n`);
      else this.directory(path);
    }
    return this;
  }

  /** A file, in place of what was there. */
  write(path: string, text: string): this {
    writeFileSync(this.#make(path), text);
    return this;
  }

  /** A pipe that nobody writes to, in place of what was there. */
  fifo(path: string): this {
    execFileSync('mkfifo', [this.#make(path)]);
    return this;
  }

  /** A link, in place of what was there. */
  link(path: string, target: string): this {
    symlinkSync(target, this.#make(path));
    return this;
  }

  directory(path: string): this {
    mkdirSync(join(this.root, path), { recursive: true });
    return this;
  }

  /** It and what is below it; a link alone. */
  remove(path: string): this {
    rmSync(join(this.root, path), { recursive: true, force: true });
    return this;
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  /** Room for it, and the directories above it. */
  #make(path: string): string {
    const made = join(this.root, path);
    if (lstatSync(made, { throwIfNoEntry: false }) !== undefined) this.remove(path);
    else if (!existsSync(dirname(made))) mkdirSync(dirname(made), { recursive: true });
    return made;
  }
}
