import type { NodeCpus } from '../../openapi/device-report.js';
import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import { parseCpuList, renderCpuList } from './cpu-list.js';
import { ifReadable } from './errors.js';
import type { SysFs } from './fs.js';

const NODES = 'devices/system/node';

/**
 * The CPUs of each NUMA node that has some, by node; none where the kernel knows no NUMA nodes. Those that are offline are left out, as the
 * kernel does.
 * @see Linux drivers/base/node.c, cpulist_read()
 */
export function readNodeCpus(sysfs: SysFs): readonly NodeCpus[] {
  const numaNodes = numbered(ifReadable(() => sysfs.list(NODES)) ?? [], 'node');
  return numaNodes
    .filter((numaNode) => numaNode < REPORT_LIMITS.numaNodes)
    .flatMap((numaNode) => {
      const cpus = renderCpuList(cpusOf(sysfs, `${NODES}/node${numaNode}`));
      return cpus === '' || cpus.length > REPORT_LIMITS.cpuListLength ? [] : [{ numaNode, cpus }];
    });
}

function cpusOf(sysfs: SysFs, node: string): readonly number[] {
  const list = ifReadable(() => sysfs.read(`${node}/cpulist`));
  return (list === undefined ? undefined : parseCpuList(list)) ?? linkedCpus(sysfs, node);
}

/** Each CPU of a node is linked to in its directory as well. */
function linkedCpus(sysfs: SysFs, node: string): readonly number[] {
  return numbered(ifReadable(() => sysfs.list(node)) ?? [], 'cpu');
}

/** The numbers behind the names that are nothing but the prefix and one. */
function numbered(names: readonly string[], prefix: string): number[] {
  const name = new RegExp(`^${prefix}(0|[1-9][0-9]{0,4})$`);
  return names
    .flatMap((text) => name.exec(text)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}
