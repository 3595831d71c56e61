import type { Mentions } from './extract.js';
import type { Predecessor } from './predecessors/predecessor.js';

const NAME = /[A-Za-z_:][\w:]*/g;

/** Finds the first place of each family of predecessors that a text names, whatever the text is. */
export function mentionsOf(predecessors: readonly Predecessor[]): Mentions {
  const families = new Set(predecessors.flatMap((predecessor) => predecessor.families.map(({ name }) => name)));
  return (text) => {
    const first = new Map<string, number>();
    for (const { 0: name, index } of text.matchAll(NAME)) {
      if (families.has(name) && !first.has(name)) first.set(name, index);
    }
    return [...first].map(([name, offset]) => ({ name, offset }));
  };
}
