import process from 'node:process';
import { CgroupFs } from '../../nodeagent/cgroupfs/fs.js';
import { PodProcesses } from '../../nodeagent/inventory/pod-processes.js';
import { ProcFs } from '../../nodeagent/procfs/fs.js';

/** A program that locates pods once, for tests that give it other rights or namespaces. Arguments: cgroup tree, uids. */
const [root = '', ...uids] = process.argv.slice(2);
const pods = new PodProcesses({ procfs: new ProcFs('/proc'), cgroupfs: new CgroupFs(root) });
const located = pods.locate(
  uids.map((uid) => ({ uid, cgroupUid: uid })),
  0,
);
const found = Object.fromEntries(
  [...located].map(([uid, one]) => [uid, 'netns' in one ? one.netns.inode : one.absence]),
);
process.stdout.write(JSON.stringify({ found, state: pods.state, counts: pods.counts }));
