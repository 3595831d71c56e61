/** The calls of the C library that a netlink socket takes. All are synchronous; a negative result is a failure, and errno says which. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(file: number, address: Buffer, length: number): number;
  getsockname(file: number, address: Buffer, length: Buffer): number;
  setsockopt(file: number, level: number, option: number, value: Buffer, length: number): number;
  send(file: number, bytes: Buffer, length: number, flags: number): number;
  recvfrom(file: number, bytes: Buffer, length: number, flags: number, address: Buffer, addressLength: Buffer): number;
  close(file: number): number;
  /** Of the last call. */
  errno(): number;
}

/**
 * Loads koffi, which is not loaded unless it is asked for, and through it the C library that is in the process already.
 * @throws where there is no koffi for this machine
 */
export async function loadLibc(): Promise<Libc> {
  const koffi = await import('koffi');
  const library = koffi.load(null);
  const declare = (declaration: string): ((...values: readonly (number | Buffer)[]) => number) => {
    const call: (...values: readonly (number | Buffer)[]) => unknown = library.func(declaration);
    return (...values) => Number(call(...values));
  };
  return {
    socket: declare('int socket(int, int, int)'),
    bind: declare('int bind(int, void *, uint32_t)'),
    getsockname: declare('int getsockname(int, void *, void *)'),
    setsockopt: declare('int setsockopt(int, int, int, void *, uint32_t)'),
    send: declare('intptr_t send(int, void *, uintptr_t, int)'),
    recvfrom: declare('intptr_t recvfrom(int, void *, uintptr_t, int, void *, void *)'),
    close: declare('int close(int)'),
    errno: () => koffi.errno(),
  };
}
