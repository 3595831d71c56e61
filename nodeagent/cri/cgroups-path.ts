/**
 * The cgroup that an OCI `cgroupsPath` stands for, from the root of the hierarchy: it is a path, or `slice:prefix:name` where systemd
 * makes the cgroups, which nests `a-b.slice` in `a.slice`.
 * @returns undefined where it is neither
 * @see runc libcontainer/specconv/spec_linux.go, libcontainer/cgroups/systemd ExpandSlice and getUnitName
 */
export function cgroupOf(cgroupsPath: string): string | undefined {
  const parts = cgroupsPath.split(':');
  if (parts.length === 1) return /^\/[^\0]*[^/\0]$/.test(cgroupsPath) ? cgroupsPath : undefined;
  const [slice = '', prefix = '', name = ''] = parts;
  const slices = slicesOf(slice);
  if (parts.length !== 3 || slices === undefined || !/^[^/\0]+$/.test(name) || /[/\0]/.test(prefix)) return undefined;
  return `${slices}/${prefix === '' ? name : `${prefix}-${name}`}.scope`;
}

/**
 * The cgroup of a container, which a runtime makes beside that of its sandbox and names in the same way.
 * @returns undefined where the sandbox's is not named after the sandbox
 */
export function containerCgroup(
  sandboxCgroup: string,
  { sandboxId, containerId }: { readonly sandboxId: string; readonly containerId: string },
): string | undefined {
  const nameAt = sandboxCgroup.lastIndexOf('/') + 1;
  const name = sandboxCgroup.slice(nameAt);
  return name.includes(sandboxId)
    ? sandboxCgroup.slice(0, nameAt) + name.replace(sandboxId, () => containerId)
    : undefined;
}

function slicesOf(slice: string): string | undefined {
  const steps = /^([^/\0]+)\.slice$/.exec(slice)?.[1]?.split('-');
  if (steps === undefined || steps.includes('')) return undefined;
  return steps.map((_, last) => `/${steps.slice(0, last + 1).join('-')}.slice`).join('');
}
