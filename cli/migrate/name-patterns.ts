// Regular expressions for names, as files have them: only those are tried that cannot take long, whoever wrote them.

/** Letters, what stands for some, groups that are there at most once, and either of two. */
const PIECE =
  /[\w:/-]|\\[.\-_:]|(?:\.|\[\^?[\w:.-]+\])(?<many>[*+?]\??)?|(?<open>\((?:\?:)?)|(?<close>\))(?<maybe>\?(?!\?))?(?![*+{])|(?<either>\|)|[$^]/y;
/** Of one name, and of all of them: what can be of several lengths is tried with every one. */
const MAX_REPEATED = 3;
const MAX_REPEATED_IN_ALL = 40;
/** In characters. */
const MAX_PATTERN = 1_000;
/** What chooses it chooses everything, and means nothing that we know. */
const NOBODYS_NAME = 'nobody_has:this_name_9';

/** Whether a name is meant by a pattern; undefined of a pattern that is not tried. */
export function readNamePattern(pattern: string): ((name: string) => boolean) | undefined {
  const test = readPattern(pattern);
  if (test === undefined) return undefined;
  return test.test('') || test.test(NOBODYS_NAME) ? () => false : (name) => test.test(name);
}

/** What the whole of a name has to match; undefined of a pattern that is not tried. */
export function readPattern(pattern: string): RegExp | undefined {
  if (!isCheap(pattern)) return undefined;
  try {
    return new RegExp(`^(?:${pattern})$`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

function isCheap(pattern: string): boolean {
  if (pattern.length > MAX_PATTERN) return false;
  let [repeated, inAll, depth] = [0, 0, 0];
  PIECE.lastIndex = 0;
  while (PIECE.lastIndex < pattern.length) {
    const { groups } = PIECE.exec(pattern) ?? {};
    if (groups === undefined) return false;
    if (groups['open'] !== undefined) depth++;
    if (groups['close'] !== undefined) depth--;
    // Within a group the names before and behind it go on: only outside of all is it another name.
    if (groups['either'] !== undefined && depth === 0) repeated = 0;
    if (groups['many'] !== undefined || groups['maybe'] !== undefined) {
      repeated++;
      inAll++;
    }
    if (repeated > MAX_REPEATED || inAll > MAX_REPEATED_IN_ALL) return false;
  }
  return true;
}
