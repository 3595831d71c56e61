import { at, listAt, textAt } from '../../cluster/json.js';
import { keysAt } from './workloads.js';

export const LEVELS = ['restricted', 'baseline', 'privileged'] as const;
export type Level = (typeof LEVELS)[number];

/** Something that a pod has and a level of the Pod Security Standards does not allow. */
export interface Violation {
  /** The strictest level that allows it. */
  readonly takes: Exclude<Level, 'restricted'>;
  /** Such as `hostPID` or `hostPath /sys/fs/cgroup`. */
  readonly what: string;
}

const BASELINE_CAPABILITIES = new Set([
  ...['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'SETFCAP'],
  ...['SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'],
]);
const SELINUX_TYPES = new Set(['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t']);
const RESTRICTED_VOLUMES = new Set([
  ...['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret'],
]);
const PROBES = ['startupProbe', 'livenessProbe', 'readinessProbe'];

/**
 * What keeps a pod from being `restricted`, by the Pod Security Standards (of Kubernetes 1.34, which added probes of another host). Left out:
 * annotations of AppArmor, Windows, ephemeral containers.
 */
export function violationsOf(podSpec: unknown): Violation[] {
  const containers = ['initContainers', 'containers'].flatMap((key) => listAt(podSpec, key));
  const found = [...violationsOfPod(podSpec), ...containers.flatMap((one) => violationsOfContainer(one, podSpec))];
  return [...new Map(found.map((one) => [`${one.takes} ${one.what}`, one])).values()];
}

/** The strictest level that lets a pod in. */
export function levelOf(podSpec: unknown): Level {
  const taken = violationsOf(podSpec).map(({ takes }) => LEVELS.indexOf(takes));
  return LEVELS[Math.max(0, ...taken)] ?? 'privileged';
}

function violationsOfPod(podSpec: unknown): Violation[] {
  const host = ['hostNetwork', 'hostPID', 'hostIPC'].filter((key) => at(podSpec, key) === true);
  const volumes = listAt(podSpec, 'volumes').flatMap((volume) => {
    const [type = 'emptyDir'] = keysAt(volume).filter((key) => key !== 'name');
    if (type === 'hostPath') return [privileged(`hostPath ${textAt(volume, 'hostPath', 'path')}`)];
    return RESTRICTED_VOLUMES.has(type) ? [] : [baseline(`volume of type ${type}`)];
  });
  const sysctls = listAt(podSpec, 'securityContext', 'sysctls').map((one) =>
    privileged(`sysctl ${textAt(one, 'name')}`),
  );
  return [...host.map(privileged), ...volumes, ...sysctls, ...violationsOfContext(at(podSpec, 'securityContext'))];
}

function violationsOfContainer(container: unknown, podSpec: unknown): Violation[] {
  const own = at(container, 'securityContext');
  const inherited = (key: string): unknown => at(own, key) ?? at(podSpec, 'securityContext', key);
  const added = listAt(own, 'capabilities', 'add').map(String);
  // with hostNetwork Kubernetes makes each port one of the node
  const hostPort = at(podSpec, 'hostNetwork') === true ? 'containerPort' : 'hostPort';
  const ports = listAt(container, 'ports').filter((port) => (at(port, hostPort) ?? 0) !== 0);
  const hosts = PROBES.map((probe) => textAt(container, probe, 'httpGet', 'host')).filter((host) => host !== '');
  return [
    ...violationsOfContext(own),
    ...(at(own, 'privileged') === true ? [privileged('privileged')] : []),
    ...((at(own, 'procMount') ?? 'Default') === 'Default' ? [] : [privileged('procMount')]),
    ...added.filter((one) => !BASELINE_CAPABILITIES.has(one)).map((one) => privileged(`capability ${one}`)),
    ...ports.map((port) => privileged(`hostPort ${String(at(port, hostPort))}`)),
    ...hosts.map((host) => privileged(`probe of ${host}`)),
    ...(at(own, 'allowPrivilegeEscalation') === false ? [] : [baseline('allowPrivilegeEscalation')]),
    ...(inherited('runAsNonRoot') === true ? [] : [baseline('runAsNonRoot: false')]),
    ...(listAt(own, 'capabilities', 'drop').includes('ALL') ? [] : [baseline('capabilities that a runtime gives')]),
    ...added.filter((one) => one !== 'NET_BIND_SERVICE').map((one) => baseline(`capability ${one}`)),
    ...(['RuntimeDefault', 'Localhost'].includes(String(at(inherited('seccompProfile'), 'type')))
      ? []
      : [baseline('no seccomp profile')]),
  ];
}

/** What a pod and a container both have. */
function violationsOfContext(context: unknown): Violation[] {
  const type = textAt(context, 'seLinuxOptions', 'type');
  const others = keysAt(context, 'seLinuxOptions').filter((key) => key === 'user' || key === 'role');
  return [
    ...(SELINUX_TYPES.has(type) ? [] : [privileged(`SELinux type ${type}`)]),
    ...others.map((key) => privileged(`SELinux ${key}`)),
    ...(textAt(context, 'seccompProfile', 'type') === 'Unconfined' ? [privileged('no seccomp')] : []),
    ...(textAt(context, 'appArmorProfile', 'type') === 'Unconfined' ? [privileged('no AppArmor')] : []),
    ...(at(context, 'runAsUser') === 0 ? [baseline('uid 0')] : []),
  ];
}

function privileged(what: string): Violation {
  return { takes: 'privileged', what };
}

function baseline(what: string): Violation {
  return { takes: 'baseline', what };
}
