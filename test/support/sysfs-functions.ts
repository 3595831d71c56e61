import type { SysfsTree } from './sysfs-tree.js';

/** A PF made by hand, which could have 8 VFs. @returns where it is in the tree */
export function addPf(tree: SysfsTree, address: string, pciClass = '0x020000'): string {
  const path = `bus/pci/devices/${address}`;
  tree.write(`${path}/class`, `${pciClass}\n`).write(`${path}/sriov_totalvfs`, '8\n');
  return path;
}

/** @param pf where its PF is; @param target its PCI address */
export function addVf(tree: SysfsTree, pf: string, index: number, target: string): void {
  tree.link(`${pf}/virtfn${index}`, `../${target}`).directory(`bus/pci/devices/${target}`);
}
