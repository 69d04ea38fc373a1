/**
 * Characters that are not seen, as a class for regular expressions with the flag `u`: controls, line
 * separators, what changes the direction of text, joiners, fillers, tags and blanks.
 */
export const unseenClass = String.raw`[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800\u{13441}\u{13442}]`;

/** Whether Postgres can store this text: JSON can hold NUL and lone surrogates, Postgres cannot. */
export function isStorableText(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed();
}

/** Unicode code points, which is what `varchar(n)` counts. */
export function characterCount(value: string): number {
  let surrogatePairs = 0;
  for (let index = 0; index < value.length - 1; index += 1) {
    if (value.codePointAt(index)! > 0xffff) surrogatePairs += 1;
  }
  return value.length - surrogatePairs;
}
