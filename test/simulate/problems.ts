/** Some of them are named, all are counted. */
export interface Told {
  readonly first: readonly string[];
  readonly count: number;
}

/** The first ones tell what is wrong. */
const MAX_NAMED = 20;

/** What is wrong with answers: apart from that, what would be right if reports had not come later than they may. */
export class Problems {
  readonly #wrong = { first: [] as string[], count: 0 };
  readonly #late = { first: [] as string[], count: 0 };

  get wrong(): Told {
    return this.#wrong;
  }

  get late(): Told {
    return this.#late;
  }

  /**
   * @param strictly what is wrong with it, of a server that has every report in time
   * @param howeverLate what is wrong with it all the same when it has not
   */
  add(label: string, strictly: readonly string[], howeverLate: readonly string[]): void {
    if (howeverLate.length > 0) this.addWrong(`${label} ${howeverLate.join('; ')}`);
    else if (strictly.length > 0) this.addLate(`${label} ${strictly.join('; ')}`);
  }

  addWrong(problem: string): void {
    append(this.#wrong, { first: [problem], count: 1 });
  }

  addLate(problem: string): void {
    append(this.#late, { first: [problem], count: 1 });
  }

  addAll({ wrong, late }: Problems): void {
    append(this.#wrong, wrong);
    append(this.#late, late);
  }
}

function append(all: { readonly first: string[]; count: number }, { first, count }: Told): void {
  all.first.push(...first.slice(0, MAX_NAMED - all.first.length));
  all.count += count;
}
