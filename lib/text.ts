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
