// Run with other rights by tests of netlink: what the sources say, and what they tell of the namespaces of some processes.
import process from 'node:process';
import { createNetlinkSources } from '../../nodeagent/inventory/netlink-sources.js';
import { ProcFs } from '../../nodeagent/procfs/fs.js';

const [procRoot = '/proc', ...pids] = process.argv.slice(2);
const states: Record<string, string> = {};
const procfs = new ProcFs(procRoot);
const sources = await createNetlinkSources({
  procfs,
  states: {
    up: (source) => (states[source] = 'up'),
    off: (source, reason) => (states[source] = reason),
  },
});
const namespaces = pids.map((pid) => {
  const links = sources.podLinks?.linksOf(Number(pid), 0);
  return {
    hostNames: [
      ...(sources.hostInterfaces?.namesOf({ inode: procfs.netInode(Number(pid)), pid: Number(pid) }, 0) ?? []),
    ],
    links: Array.isArray(links) ? links.map(({ name, kind, ifindex }) => [name, kind ?? '', ifindex]) : links,
  };
});
sources.close();
process.stdout.write(JSON.stringify({ states, namespaces }));
