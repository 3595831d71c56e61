// Expressions over series of others that look after a predecessor: it goes, and whoever asks whether it is there is told that it is not.
import type { Predecessor } from './predecessors/predecessor.js';
import { selectorsOf, type Expression } from './promql.js';

/** Labels by which Prometheus and kube-state-metrics tell a program. */
const PROGRAM =
  /^(job|service|app|pod|container|daemonset|deployment|created_by_name|label_app(_kubernetes_io_name)?)$/;

/** What has to be done about each selector of the kind. */
export function watched(expression: Expression, predecessors: readonly Predecessor[]): string[] {
  const { text } = expression;
  const needs = selectorsOf(expression).flatMap(({ matchers }) =>
    matchers.flatMap(({ label, operator, value, node }) =>
      predecessors
        .filter(({ name }) => !operator.startsWith('!') && PROGRAM.test(label) && value.includes(name))
        .map(
          ({ name }) =>
            `${text.slice(node.from, node.to)} looks after ${name}, which goes: delete it with it; docs/runbooks/README.md has the alerts on podnet`,
        ),
    ),
  );
  return [...new Set(needs)];
}
