import type { Share } from './interval.ts';

/** Such as `1,234,567`. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Such as `12.3k` or `4M`, for axes. */
export function short(value: number): string {
  return value
    .toLocaleString('en-US', { notation: 'compact', maximumFractionDigits: 1 })
    .toLowerCase()
    .replace('m', 'M')
    .replace('b', 'B');
}

/** Out of 100, such as `87`, `0.4` or `99.7`: never a rounded `0` or `100` that is not one. */
export function outOf100({ hits, of }: Pick<Share, 'hits' | 'of'>): string {
  return percentage(of === 0 ? 0 : hits / of);
}

/** A share from 0 to 1 in hundredths. */
export function percentage(share: number): string {
  const value = share * 100;
  if (value === 0 || value === 100) return String(value);
  if (value < 0.1) return 'fewer than 0.1';
  if (value > 99.9) return 'more than 99.9';
  return value < 1 || value > 99 ? value.toFixed(1) : String(Math.round(value));
}

/** Such as `1 login` or `2,000 logins`. */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${whole(value)} ${value === 1 ? one : many}`;
}
