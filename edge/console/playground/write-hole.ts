/** Characters that a token of English stands for; a Chinese character is one of its own. */
const CHARACTERS_PER_TOKEN = 4;
const LONGEST_HOLE = 64;

/** A hole in the place of `removed`, about as long. */
export function writeHole(removed: string): string {
  const wide = [...removed].filter((character) => character > "\u2e7f").length;
  const narrow = removed.length - wide;
  const length = Math.max(1, wide + Math.ceil(narrow / CHARACTERS_PER_TOKEN));
  return `[[${Math.min(LONGEST_HOLE, length)}]]`;
}
