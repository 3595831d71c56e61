import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';

/** What a test needs of the machine: root, a kernel with TAP devices, the emulator of CloudWatch, helm, or a program of a Debian package. */
export type Requirement = 'root' | 'tun' | 'cni-plugins' | 'moto' | 'helm' | Program;
type Program =
  | ('ip' | 'iptables' | 'chronyd' | 'dnsmasq' | 'prometheus' | 'promtool' | 'setpriv' | 'script' | 'curl' | 'kubectl')
  | ('containerd' | 'runc' | 'ctr' | 'busybox' | 'nsenter' | 'prlimit' | 'umount' | 'tar')
  | ('buildah' | 'apt-get' | 'dpkg-deb');

const PACKAGES: Readonly<Record<Exclude<Requirement, 'root' | 'tun' | 'moto' | 'helm'>, string>> = {
  ip: 'iproute2',
  iptables: 'iptables',
  chronyd: 'chrony',
  prometheus: 'prometheus',
  promtool: 'prometheus',
  setpriv: 'util-linux',
  script: 'bsdutils',
  curl: 'curl',
  kubectl: 'kubernetes-client',
  dnsmasq: 'dnsmasq-base',
  containerd: 'containerd',
  runc: 'runc',
  ctr: 'containerd',
  busybox: 'busybox-static',
  'cni-plugins': 'containernetworking-plugins',
  nsenter: 'util-linux',
  prlimit: 'util-linux',
  umount: 'mount',
  tar: 'tar',
  buildah: 'buildah',
  'apt-get': 'apt',
  'dpkg-deb': 'dpkg',
};

/** What TAP devices are made with. */
export const TUN = '/dev/net/tun';

/** Where scripts/install-moto.sh puts the emulator of CloudWatch, or whoever has it elsewhere says that it is. */
export const MOTO = process.env['PODNET_MOTO'] ?? '/opt/podnet-moto';

/** In it. */
export const MOTO_SERVER = 'usr/bin/moto_server';

/** Where scripts/install-helm.sh puts helm, or whoever has it elsewhere says that it is. */
export const HELM = process.env['PODNET_HELM'] ?? '/opt/podnet-helm/helm';

/** Where Debian has the CNI plugins. */
const CNI_PLUGIN = '/usr/lib/cni/ptp';

/**
 * The reason to skip a test on this machine, or false. In CI nothing is skipped: what is missing there is a failure.
 * @throws {Error} in CI
 */
export function missing(...requirements: readonly Requirement[]): string | false {
  const reasons = whyMissing(...requirements);
  if (reasons !== false && process.env['CI'] === 'true') throw new Error(reasons);
  return reasons;
}

/** The same, on every machine. */
export function whyMissing(...requirements: readonly Requirement[]): string | false {
  const reasons = requirements.flatMap((one) => (isMet(one) ? [] : [reasonFor(one)]));
  return reasons.length > 0 && reasons.join(', ');
}

function reasonFor(requirement: Requirement): string {
  if (requirement === 'root') return 'needs root';
  if (requirement === 'moto') return 'needs moto (scripts/install-moto.sh)';
  if (requirement === 'helm') return 'needs helm (scripts/install-helm.sh)';
  return requirement === 'tun' ? `needs ${TUN}` : `needs ${requirement} (package ${PACKAGES[requirement]})`;
}

function isMet(requirement: Requirement): boolean {
  if (requirement === 'root') return process.getuid?.() === 0;
  if (requirement === 'tun') return existsSync(TUN);
  if (requirement === 'moto') return existsSync(join(MOTO, MOTO_SERVER));
  if (requirement === 'helm') return isExecutable(HELM);
  if (requirement === 'cni-plugins') return isExecutable(CNI_PLUGIN);
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => isExecutable(join(directory, requirement)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
