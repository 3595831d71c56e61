import { at, listAt, nameOf, textAt } from '../../cluster/json.js';
import type { KubeObject } from '../kube-api/objects.js';
import { keysAt, workloadsOf } from './workloads.js';

/** What SecurityContextConstraints do not let a pod have that asks for them by annotation; empty: nothing. */
export function sccProblems(objects: readonly KubeObject[]): string[] {
  return workloadsOf(objects).flatMap(({ title, object, podSpec, container }) => {
    const required = textAt(object, 'spec', 'template', 'metadata', 'annotations', 'openshift.io/required-scc');
    if (required === '') return [];
    const scc = objects.find((one) => one.kind === 'SecurityContextConstraints' && nameOf(one) === required);
    const host = { hostNetwork: 'allowHostNetwork', hostPID: 'allowHostPID', hostIPC: 'allowHostIPC' };
    const types = listAt(podSpec, 'volumes').flatMap((volume) => keysAt(volume).filter((key) => key !== 'name'));
    const allowed = listAt(scc, 'volumes');
    const isWithoutHostPorts = at(podSpec, 'hostNetwork') !== true || listAt(container, 'ports').length === 0;
    const dropped = listAt(container, 'securityContext', 'capabilities', 'drop');
    const isAdmitted = {
      ...Object.fromEntries(
        Object.entries(host).map(([key, allows]) => [key, at(podSpec, key) !== true || at(scc, allows) === true]),
      ),
      ports: isWithoutHostPorts || at(scc, 'allowHostPorts') === true,
      volumes: types.every((type) => allowed.includes(type)),
      hostPath: !types.includes('hostPath') || at(scc, 'allowHostDirVolumePlugin') === true,
      uid: at(podSpec, 'securityContext', 'runAsUser') === at(scc, 'runAsUser', 'uid'),
      capabilities: listAt(scc, 'requiredDropCapabilities').every((one) => dropped.includes(one)),
    };
    const refused = Object.entries(isAdmitted).filter(([, isFine]) => !isFine);
    return refused.map(([what]) => `${title}: ${required} does not admit its ${what}`);
  });
}
