import { dayMs } from '../../lib/time.ts';

/** Round numbers from 0 up to at least `max`, about `wanted` of them; whole numbers only. */
export function ticksTo(max: number, wanted = 4): number[] {
  const least = Math.max(1, max) / wanted;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = Math.max(
    1,
    [1, 2, 5, 10].map((each) => each * power).find((each) => each >= least)!,
  );
  return Array.from({ length: Math.ceil(Math.max(1, max) / step) + 1 }, (_, n) => n * step);
}

/** Every day (YYYY-MM-DD) from the first to the last of these, without a gap. */
export function everyDay(days: readonly string[]): string[] {
  const sorted = days.toSorted();
  const from = Date.parse(sorted[0] ?? '');
  const to = Date.parse(sorted.at(-1) ?? '');
  if (Number.isNaN(from) || Number.isNaN(to)) return [];
  return Array.from({ length: (to - from) / dayMs + 1 }, (_, n) => dayOf(from + n * dayMs));
}

/** The last `days` UTC days (YYYY-MM-DD), the day of `today` included. */
export function lastDays(days: number, today: Date): string[] {
  return everyDay([dayOf(today.getTime() - (days - 1) * dayMs), dayOf(today.getTime())]);
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
