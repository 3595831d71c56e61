import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroupOf, containerCgroup } from '../../../nodeagent/cri/cgroups-path.js';

test('a path is the cgroup itself', () => {
  assert.equal(cgroupOf('/kubepods/burstable/pod1/abc'), '/kubepods/burstable/pod1/abc');
});

test('slices of systemd nest by their dashes', () => {
  assert.equal(
    cgroupOf('kubepods-besteffort-podaaaa_f398.slice:crio:134b'),
    '/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podaaaa_f398.slice/crio-134b.scope',
  );
  assert.equal(
    cgroupOf('kubepods-pod1.slice:cri-containerd:9'),
    '/kubepods.slice/kubepods-pod1.slice/cri-containerd-9.scope',
  );
});

for (const odd of [
  '',
  '/',
  'relative/path',
  'a:b',
  'a.slice:b:',
  '-.slice:a:b',
  'a--b.slice:c:d',
  'a/b.slice:c:d',
  'a.slice:b:c:d',
]) {
  test(`"${odd}" is no cgroup`, () => assert.equal(cgroupOf(odd), undefined));
}

test('a container is beside its sandbox and named like it', () => {
  const ids = { sandboxId: 'aaa', containerId: 'bbb' };
  assert.equal(containerCgroup('/kubepods/pod1/aaa', ids), '/kubepods/pod1/bbb');
  assert.equal(
    containerCgroup('/kubepods.slice/x.slice/crio-aaa.scope', ids),
    '/kubepods.slice/x.slice/crio-bbb.scope',
  );
});

test('where the sandbox is not named after itself, nothing is guessed', () => {
  assert.equal(containerCgroup('/aaa/other', { sandboxId: 'aaa', containerId: 'bbb' }), undefined);
});
