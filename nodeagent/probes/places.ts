/** Probes that may be under way, of all servers and of one. */
const IN_ALL = 256;
const PER_SERVER = 16;

/** Bounds what is under way. Nobody waits for a place: a server that is slow must not hold up what others are asked. */
export class Places {
  readonly #taken = new Map<string, number>();
  #inAll = 0;

  /** @returns whether there was a place; it is then to be given back */
  take(server: string): boolean {
    const taken = this.#taken.get(server) ?? 0;
    if (this.#inAll >= IN_ALL || taken >= PER_SERVER) return false;
    this.#inAll++;
    this.#taken.set(server, taken + 1);
    return true;
  }

  giveBack(server: string): void {
    const left = (this.#taken.get(server) ?? 0) - 1;
    this.#inAll--;
    if (left > 0) this.#taken.set(server, left);
    else this.#taken.delete(server);
  }
}
