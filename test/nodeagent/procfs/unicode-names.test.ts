import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDevMcast } from '../../../nodeagent/procfs/dev-mcast.js';
import { parseNetDev } from '../../../nodeagent/procfs/net-dev.js';
import { parseDefaultRoute, parseDefaultRoute6 } from '../../../nodeagent/procfs/route.js';
import { parseBonding, parseVlan } from '../../../nodeagent/procfs/stacking.js';

/** Names that differ in a space that is none to the kernel: ideographic, no-break, line separator. */
const NAMES = ['a', 'a\u3000', '\u00a0a', 'a\u2028b'];

test('names that differ in a Unicode space are different interfaces', () => {
  const columns = ' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16';
  const text = `Inter-|\n face |\n${NAMES.map((name) => `  ${name}:${columns}\n`).join('')}`;
  assert.deepEqual(
    parseNetDev(text).map(({ name }) => name),
    NAMES,
  );
  const multicast = NAMES.map((name, i) => `${i + 1}    ${name}        1     0     01005e000001\n`).join('');
  assert.deepEqual([...parseDevMcast(multicast).keys()], NAMES);
});

for (const name of NAMES) {
  test(`the name ${JSON.stringify(name)} is whole in routes, bonds and VLANs`, () => {
    const zero = '0'.repeat(32);
    assert.equal(parseDefaultRoute(`Iface\n${name}\t00000000\t0\t0003\t0\t0\t0\t00000000\t0\n`), name);
    assert.equal(parseDefaultRoute6(`${zero} 00 ${zero} 00 ${zero} 00000400 1 0 00000003     ${name}\n`), name);
    assert.deepEqual(parseBonding(`Slave Interface: ${name}\nMII Status: up\n`), [name]);
    assert.deepEqual(parseVlan(`Device: ${name}\nINGRESS priority\n`), [name]);
  });
}
