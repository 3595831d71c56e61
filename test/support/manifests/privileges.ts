/** Lines that give a pod more than the least, in the manifests and in patches. */
const PRIVILEGES = [
  /\b(hostNetwork|hostPID|hostIPC|hostUsers|privileged|allowPrivilegeEscalation): true\b/,
  /\bhostPath:/,
  /\bhostPort:/,
  /\b(runAsUser|runAsGroup|fsGroup|uid): 0\b/,
  /\brunAsNonRoot: false\b/,
  /\bseLinuxOptions:/,
  /^\s*add: *(\[|$)/,
  /\breadOnly(RootFilesystem)?: false\b/,
  /\ballow(Host\w+|Privilege\w+): true\b/,
  /\bpriorityClassName:/,
  /\bautomountServiceAccountToken: true\b/,
];

/** Lines of a manifest with a privilege for which no comment gives a reason: beside it, or above it or above what it is a part of. */
export function unexplainedPrivileges(yaml: string): string[] {
  const lines = yaml.split('\n');
  return lines.flatMap((line, i) => {
    const isPrivilege = !isComment(line) && PRIVILEGES.some((pattern) => pattern.test(line));
    return isPrivilege && !isExplained(lines, i) ? [`${i + 1}: ${line.trim()}`] : [];
  });
}

function isExplained(lines: readonly string[], i: number): boolean {
  const indent = indentOf(lines[i] ?? '');
  for (let at = i; at >= 0; at--) {
    const line = lines[at] ?? '';
    // the key that it stands under, or the first line of the element of a list that it is in
    const isOuter = indentOf(line) < indent || (at < i && indentOf(line) === indent && isElement(line));
    const isHeard = at === i || isOuter;
    if (isHeard && (/[^\s#].* # \S/.test(line) || isComment(lines[at - 1] ?? ''))) return true;
    if (isOuter) return false; // one level up, and no further
  }
  return false;
}

function isElement(line: string): boolean {
  return /^\s*- /.test(line);
}

function isComment(line: string): boolean {
  return /^\s*# \S/.test(line);
}

/** `- name:` is where `name:` is. */
function indentOf(line: string): number {
  return line.search(/[^\s-]|$/);
}
