import type { LastRotation } from '../db/operations/last-rotation.ts';
import type { RotationSize } from '../db/operations/rotation-plan.ts';
import { pairs } from './table.ts';

// rounded down from what the bench measured on two cores, by more for the indexes that your table may have; a stage's own figures are shown while it runs
const mappedPerSecond = 10_000;
const swappedPerSecond = 50_000;
// with a checkpoint every gigabyte of log, which is Postgres's default
const walBytesPerLogin = 550;
const walBytesPerValue = 1_500;
// over the whole swap, where nothing fits into memory
const temporaryBytesPerLogin = 1_000;

/** What a rotation will do, in words and estimates. */
export function planText(
  generation: number,
  size: RotationSize,
  obstacles: readonly string[],
): string {
  const { logins, loginBytes, values, valueBytes, isAnalysed, indexes, materialized } = size;
  const lines = [
    pairs({
      'token key': `generation ${generation} → ${generation + 1}`,
      'values to open and seal anew': about(values),
      'logins to rewrite': `${about(logins)}, in one transaction`,
      'ingest works on for': duration(values / mappedPerSecond),
      'then ingest pauses for': `${duration(logins / swappedPerSecond)}; messages wait on the queue`,
      'disk until vacuum': `${bytes(loginBytes)} more for user_logins with ${indexes} indexes, ${bytes(2 * valueBytes)} more for the vault`,
      'temporary files': `${bytes(logins * temporaryBytesPerLogin)} at most, while ingest pauses`,
      'write-ahead log': bytes(logins * walBytesPerLogin + values * walBytesPerValue),
    }),
    `Estimated by ${isAnalysed ? 'the planner’s statistics' : 'the size of the tables, some of which were never analysed'}. reveal, tokenize and erase work throughout. The database does not ` +
      'tell how much disk is free: compare it before you begin.',
  ];
  if (materialized.length > 0) {
    lines.push(`Refresh after the swap: ${materialized.join(', ')}.`);
  }
  if (obstacles.length > 0) {
    lines.push(`This is in the way:\n${obstacles.map((obstacle) => `- ${obstacle}`).join('\n')}`);
  }
  return lines.join('\n');
}

/** A line for whoever is on call while a rotation is under way; null if none is. */
export function underWay(last: LastRotation | null): string | null {
  if (last === null || last.outcome === 'aborted' || last.outcome === 'finished') return null;
  const key = `The rotation of the token key to generation ${last.to}`;
  return last.outcome === 'begun'
    ? `${key} began at ${last.at}. The tokens are not replaced yet: ingest pauses while they are.`
    : `${key} replaced the tokens at ${last.at}. It is not finished (npx pii-vault rotate --finish).`;
}

function about(count: number): string {
  return count === 0 ? '0' : `about ${Math.round(count).toLocaleString('en-US')}`;
}

function bytes(count: number): string {
  if (count < 1e6) return 'less than 1 MB';
  return count < 1e9 ? `${Math.ceil(count / 1e6)} MB` : `${(count / 1e9).toFixed(1)} GB`;
}

/** Such as `less than a minute` or `17 min`. */
export function duration(seconds: number): string {
  if (seconds < 60) return 'less than a minute';
  if (seconds < 5_400) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}
