import process from 'node:process';
import type { LiveTerminal } from './terminal.js';

/**
 * Enters a terminal, and leaves it as it was found however the process ends or stops: an exit, a crash, Ctrl-\ or Ctrl-Z, after which it
 * is entered again. @returns what ends that
 */
export function occupyTerminal(terminal: Pick<LiveTerminal, 'enter' | 'leave'>): () => void {
  const leave = (): void => terminal.leave();
  /** The kernel's own action: only it knows whether there is a shell that could let a stopped process go on. */
  const passOn = (name: 'SIGQUIT' | 'SIGTSTP', handler: () => void): void => {
    leave();
    process.off(name, handler);
    process.kill(process.pid, name);
  };
  const quit = (): void => passOn('SIGQUIT', quit);
  const stop = (): void => {
    passOn('SIGTSTP', stop); // comes back when the process goes on
    process.on('SIGTSTP', stop);
    terminal.enter();
  };
  terminal.enter();
  process.prependListener('exit', leave); // before what is left gets its last moment to be written
  process.on('SIGQUIT', quit);
  process.on('SIGTSTP', stop);
  return () => {
    process.off('exit', leave);
    process.off('SIGQUIT', quit);
    process.off('SIGTSTP', stop);
    leave();
  };
}
