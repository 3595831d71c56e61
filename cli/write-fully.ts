/** Bytes for somebody who may be slow, and may go. */
export interface Reader {
  /** Waits until the bytes are taken. @returns whether there is still somebody who reads */
  readonly write: (bytes: Uint8Array) => Promise<boolean>;
  readonly hasGone: boolean;
}

/** All of it or the fact that it cannot be written, unlike `Output`, which drops what nobody takes: a part of a scrape would be wrong. */
export function writeFully(stream: Pick<NodeJS.WriteStream, 'write'>): Reader {
  let hasGone = false;
  return {
    write: (bytes) =>
      new Promise((resolve) => {
        stream.write(bytes, (error) => {
          hasGone ||= error !== undefined && error !== null;
          resolve(!hasGone);
        });
      }),
    get hasGone() {
      return hasGone;
    },
  };
}
