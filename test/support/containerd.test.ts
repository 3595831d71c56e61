import { test } from 'node:test';
import { Containerd } from './containerd.js';
import { readKernelCounters } from './containerd/network.js';
test('try', async () => {
  const t0 = Date.now();
  const lap = (s: string) => console.log(s, Date.now() - t0);
  const c = await Containerd.start({ prefix: 'pncd', octet: 251 });
  try {
    lap('up');
    const a = await c.createPod({ namespace: 'team', name: 'a', uid: '11111110-2222-4333-8444-555555555550' });
    lap('a');
    console.log(a);
    const b = await c.createPod({ namespace: 'team', name: 'b', uid: '11111110-2222-4333-8444-555555555551' });
    lap('b');
    for (const i of ['eth0', 'eth1']) {
      await c.send(a, b, { interfaceName: i, count: 1, payload: 100 });
      const x = [await readKernelCounters(a.netns ?? ''), await readKernelCounters(b.netns ?? '')];
      await c.send(a, b, { interfaceName: i, count: 1000, payload: 1000 });
      const y = [await readKernelCounters(a.netns ?? ''), await readKernelCounters(b.netns ?? '')];
      console.log(x, y);
      lap('sent');
    }
    await c.restart();
    lap('restart');
  } finally {
    await c.close();
    lap('closed');
  }
});
