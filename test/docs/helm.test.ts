// Values that the documents give to helm are values of the chart, and it can be rendered with them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { commandsOf, wordsOf } from '../support/documented-commands.js';
import { CHART, templateChart } from '../support/helm.js';
import { documents } from '../support/markdown.js';
import { missing } from '../support/requirements.js';

/** It asks for a release, which helm template has not. */
const OF_A_RELEASE = '--reuse-values';

describe('helm', { skip: missing('helm') }, () => {
  const commands = documents()
    .flatMap(commandsOf)
    .filter(({ text }) => /^helm (install|upgrade) /.test(text));

  test('is what the documents install with', () => assert.ok(commands.length > 0));

  for (const { place, text } of commands) {
    test(`${place}: ${text}`, async () => {
      const [, , release, chart, ...argv] = wordsOf(text);
      assert.deepEqual([release, chart], ['podnet', CHART]);
      const { code, error } = await templateChart(argv.filter((word) => word !== OF_A_RELEASE));
      assert.equal(code, 0, error);
    });
  }
});
