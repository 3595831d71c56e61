// node build/test/support/sysfs-manifest.js <root of a recorded sysfs>: prints the manifest (sysfs-tree.ts) of what the agent may look at.
import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

const [root = '/sys'] = process.argv.slice(2);
const STATISTICS = '(multicast|(rx|tx)_(bytes|packets|errors|dropped))';
const OF_NETDEV = `(address|dev_port|device|ifindex|operstate|phys_port_name|phys_switch_id|type|statistics/${STATISTICS})`;
const OF_DEVICE = `(class|device|driver|numa_node|physfn|sriov_[a-z_]+|vendor|virtfn\\d+|net/[^/]+/${OF_NETDEV})`;
const WANTED = new RegExp(
  `^(bus/pci/devices/[^/]+|class/net/[^/]+|devices/system/node/(online|node\\d+/cpulist)|devices/.*/${OF_DEVICE})$`,
);
/** Also where nothing is in them. */
const DIRECTORY = /^devices\/(pci.*\/[0-9a-f:]+\.\d(\/net)?|.*\/net\/[^/]+)$/;

/** @returns how many lines it printed */
function print(path: string): number {
  const here = join(root, path);
  const stat = lstatSync(here);
  if (stat.isDirectory()) {
    const lines = readdirSync(here)
      .sort()
      .reduce((sum, name) => sum + print(path === '' ? name : `${path}/${name}`), 0);
    return lines === 0 && DIRECTORY.test(path) ? say(`${path}/`) : lines;
  }
  if (!WANTED.test(path)) return 0;
  if (stat.isSymbolicLink()) return say(`${path} -> ${readlinkSync(here)}`);
  return say(`${path} = ${readFileSync(here, 'utf8').trimEnd().replaceAll('\n', '\\n')}`);
}

function say(line: string): number {
  process.stdout.write(`${line}\n`);
  return 1;
}

print('');
