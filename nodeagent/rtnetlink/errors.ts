import { getSystemErrorName } from 'node:util';

/** A call of the C library failed, or no whole answer came. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';
  readonly code = 'NODEAGENT_NETLINK';
  /** Such as EPERM. */
  readonly reason: string;

  /** @param errno as the kernel numbers it, positive */
  constructor(what: string, errno: number) {
    const reason = errno > 0 ? getSystemErrorName(-errno) : 'unknown';
    super(`${what}: ${reason}`);
    this.reason = reason;
  }

  /** A right is missing. */
  get isDenied(): boolean {
    return this.reason === 'EPERM' || this.reason === 'EACCES';
  }
}

/** The kernel answered, and the answer is no; the socket is as good as before. */
export class NetlinkRefusedError extends NetlinkError {}

/** What came from a netlink socket does not have the shape of messages. */
export class NetlinkParseError extends Error {
  override readonly name = 'NetlinkParseError';
  readonly code = 'NODEAGENT_NETLINK_PARSE';
}
