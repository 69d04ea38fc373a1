/** Shows how far a long piece of work is. */
export interface Progress {
  /** Tells how much is done by now, in the unit that the total has. */
  update: (done: number) => void;
  /** Takes the bar away: what is printed next starts on a line of its own. */
  end: () => void;
}

/** Where progress is shown: standard error, so that standard output keeps the result. */
export interface ProgressOutput {
  isTTY?: boolean;
  columns?: number;
  write: (text: string) => unknown;
}

const barWidth = 20;
const redrawMs = 100;
const linesMs = 5_000;
const number = (value: number) => Math.round(value).toLocaleString('en-US');

/**
 * A bar with rate and time left where a person looks on, and a line every five seconds elsewhere.
 * `total` is null where it is not known. Steps of unequal length have no rate.
 */
export function showProgress(
  title: string,
  total: number | null,
  output: ProgressOutput = process.stderr,
  now: () => number = Date.now,
  unit: 'items' | 'steps' = 'items',
): Progress {
  const startedAt = now();
  const isTerminal = output.isTTY === true;
  let last = isTerminal ? 0 : startedAt;
  if (isTerminal) output.write(`\r\u001B[2K${title} …`);
  return {
    update(done) {
      const at = now();
      if (at - last < (isTerminal ? redrawMs : linesMs)) return;
      last = at;
      const seconds = (at - startedAt) / 1000;
      const facts =
        unit === 'items'
          ? describeProgress(done, total, seconds)
          : `step ${describeProgress(done, total, 0)}`;
      if (isTerminal) {
        const line = `${title} ${bar(done, total)}${facts}`;
        output.write(`\r\u001B[2K${line.slice(0, (output.columns || 80) - 1)}`);
      } else output.write(`${title}: ${facts}\n`);
    },
    end() {
      if (isTerminal) output.write('\r\u001B[2K');
    },
  };
}

/** Such as `1,200 of 5,000, 300/s, 13 s left`. */
export function describeProgress(done: number, total: number | null, seconds: number): string {
  const rate = seconds > 0 ? done / seconds : 0;
  const parts = [
    total === null ? number(done) : `${number(done)} of ${number(Math.max(done, total))}`,
  ];
  if (rate > 0) parts.push(`${number(rate)}/s`);
  if (rate > 0 && total !== null && total > done) {
    parts.push(`${duration((total - done) / rate)} left`);
  }
  return parts.join(', ');
}

function bar(done: number, total: number | null): string {
  if (total === null || total === 0) return '';
  const filled = Math.min(barWidth, Math.floor((done / total) * barWidth));
  return `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} `;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
