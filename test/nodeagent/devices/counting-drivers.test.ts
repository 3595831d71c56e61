import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  COUNTING_DRIVERS,
  countingDriver,
  isCounting,
  type CountedBy,
} from '../../../nodeagent/devices/counting-drivers.js';
import { VF_COUNTERS, VF_COUNTER_SOURCES } from '../../../openapi/report-terms.js';

const by = (driver: string | undefined, kernelRelease: string, more: Partial<CountedBy> = {}): CountedBy => ({
  ...{ linkLayer: 'ethernet', source: 'rtnetlink', kernelRelease, ...more },
  ...(driver !== undefined && { driver }),
});

test('a driver counts from the kernel on that has it', () => {
  for (const release of ['5.6.0', '5.10.0-30-amd64', '6.1.0', '10.0', '6.12.107+deb13-amd64', '5.6-rc1']) {
    assert.equal(isCounting(by('ice', release)), true, release);
  }
  for (const release of ['5.5.19', '4.18.0-553.el8_10.x86_64', '5.60000', '', 'Linux 6.1', '6', '-5.6']) {
    assert.equal(isCounting(by('ice', release)), false, release);
  }
});

test('a driver that is not known does not count, nor does none', () => {
  for (const driver of ['igb', 'bnxt_en', 'netdevsim', 'LiquidIO', 'mlx4_core', 'vfio-pci', '', undefined]) {
    for (const source of VF_COUNTER_SOURCES) {
      assert.equal(isCounting(by(driver, '6.12.0', { source })), false, `${driver} ${source}`);
    }
  }
});

test('a driver counts by the source that it has', () => {
  assert.equal(isCounting(by('i40e', '6.12.0', { source: 'sysfs' })), true);
  assert.equal(isCounting(by('i40e', '', { source: 'sysfs' })), true);
  assert.equal(isCounting(by('ice', '6.12.0', { source: 'sysfs' })), false);
  assert.equal(isCounting(by('ice', '6.12.0', { source: 'netdev' })), false);
});

test('which zeros mean something depends on the driver and the link layer', () => {
  const countersOf = (driver: string, more: Partial<CountedBy> = {}) =>
    countingDriver(by(driver, '6.12.0', more))?.counters;
  assert.equal(countersOf('ice')?.includes('transmitPacketsDropped'), true);
  assert.equal(countersOf('ixgbe')?.includes('transmitPacketsDropped'), false);
  assert.equal(countersOf('mlx5_core')?.includes('receiveBroadcastPackets'), true);
  assert.equal(countersOf('mlx5_core', { linkLayer: 'infiniband' })?.includes('receiveBroadcastPackets'), false);
});

test('no driver has two rows for one thing, and each counts bytes and packets', () => {
  const keys = COUNTING_DRIVERS.map(({ driver, source, linkLayer }) => `${driver} ${source} ${linkLayer ?? 'any'}`);
  assert.equal(new Set(keys).size, keys.length);
  for (const { driver, counters } of COUNTING_DRIVERS) {
    assert.equal(new Set(counters).size, counters.length, driver);
    assert.equal(counters.includes('receiveBytes') && counters.includes('transmitPackets'), true, driver);
    assert.equal(
      counters.every((counter) => VF_COUNTERS.includes(counter)),
      true,
    );
  }
});

test('the documented table is the one that is used', () => {
  const documented = readFileSync('docs/sriov.md', 'utf8')
    .split('\n')
    .filter((line) => /^\| `\w+` +\| (?:rtnetlink|sysfs) /.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, 6)
        .map((cell) => cell.replaceAll('`', '').trim()),
    );
  assert.deepEqual(
    documented,
    COUNTING_DRIVERS.map(({ driver, source, linkLayer = 'any', since, file }) => [
      ...[driver, source, linkLayer, since === undefined ? 'its own' : since.join('.'), file],
    ]),
  );
});
