import { createSweeper, type CreateSweeperDeps } from './create-sweeper.js';
import { EndingWatch } from './ending-watch.js';
import type { NodeagentOptions } from './options.js';
import type { Role, RoleDeps } from './role.js';

export type NodeRoleDeps = RoleDeps & Pick<CreateSweeperDeps, 'describe' | 'loadLibc'>;

/**
 * Role `node`: the counters of every pod of the node and of its devices.
 * @throws {StartError} when procfs cannot be read, or nothing says where the Kubernetes API is
 */
export async function createNodeRole(options: NodeagentOptions, deps: NodeRoleDeps): Promise<Role> {
  const { clock, notify } = deps;
  /** Pods are followed before there is a sweeper: what ends until then is not known to anybody. */
  const late: { noteEnding?: (uid: string, isGone: boolean) => void } = {};
  const { sweeper, ready, recovery, close } = await createSweeper(options, {
    ...deps,
    onEnding: ({ uid }) => late.noteEnding?.(uid, false),
    onGone: ({ uid }) => late.noteEnding?.(uid, true),
  });
  const ending = new EndingWatch({
    hasEnding: () => sweeper.hasEnding,
    read: () => sweeper.readEnding(),
    onEnded: notify,
    monotonicMs: () => clock.monotonicMs(),
  });
  late.noteEnding = (uid, isGone) => {
    sweeper.noteEnding(uid, isGone);
    ending.wake();
  };
  return {
    get newestMs() {
      return sweeper.newestMs;
    },
    get problem() {
      return sweeper.problem;
    },
    get isBlind() {
      return sweeper.isBlind;
    },
    get waiting() {
      return sweeper.waiting;
    },
    ready,
    sample: () => sweeper.sweep(),
    report: (afterSequence, maxSamples) => sweeper.report(afterSequence, maxSamples),
    view: () => sweeper.view(),
    heard: (server, answer, nowMs) => recovery.heard(server, answer, nowMs),
    run: (signal) => ending.run(signal),
    close,
  };
}
