/**
 * The path of a server's unix socket: `unix:///run/containerd/containerd.sock`, or the path alone.
 * @returns undefined where it is neither
 */
export function parseSocketEndpoint(text: string): string | undefined {
  const path = text.replace(/^unix:(\/\/(?=\/))?/, '');
  return path.startsWith('/') && !path.startsWith('//') && !path.includes('\0') ? path : undefined;
}
