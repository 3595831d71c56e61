/**
 * The path of a runtime's socket: `unix:///run/containerd/containerd.sock`, or the path alone.
 * @returns undefined where it is neither
 */
export function parseCriEndpoint(text: string): string | undefined {
  const path = text.replace(/^unix:(\/\/(?=\/))?/, '');
  return path.startsWith('/') && !path.startsWith('//') && !path.includes('\0') ? path : undefined;
}
