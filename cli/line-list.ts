/** Why a text was not asked for. */
export const notToken = 'not a token (one looks like ip_v1_ and 27 letters, digits, - or _)';

// more numbers than a person reads
const most = 20;

/** Such as `Lines 3, 7 and 12 more`: where in the input these are. */
export function lineList(
  items: readonly { line: number }[],
  place: 'Line' | 'Argument' = 'Line',
): string {
  const named = items.slice(0, most).map(({ line }) => line);
  const more = items.length > most ? ` and ${items.length - most} more` : '';
  return `${place}${items.length === 1 ? '' : 's'} ${named.join(', ')}${more}`;
}
