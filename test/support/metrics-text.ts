import assert from 'node:assert/strict';
import { parsePrometheusText } from '../../nodeagent/ipam/prometheus-text.js';
import { PrometheusTextError } from '../../nodeagent/ipam/text-error.js';

const limits = { families: 256, samples: 1_000 };

export const parseAll = (text: string) => parsePrometheusText(text, { limits, wanted: () => true });

/** The message that a text is refused with. */
export function refusal(text: string, isWanted = true): string {
  try {
    parsePrometheusText(text, { limits, wanted: () => isWanted });
  } catch (error) {
    assert.ok(error instanceof PrometheusTextError, String(error));
    assert.equal(error.code, 'NODEAGENT_PROMETHEUS_TEXT');
    assert.ok(error.message.startsWith(`line ${error.line}: `));
    assert.match(error.message, /^[ -~]{1,600}$/);
    return error.message;
  }
  assert.fail(`taken: ${JSON.stringify(text)}`);
}
