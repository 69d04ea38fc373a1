import { isPlain } from './settings.ts';
import { seconds } from './steps.ts';
import { pairs, table } from '../../cli/table.ts';
import type { RepeatedToken } from './vault-tables.ts';

/** What a start has to tell at its end. */
export interface Report {
  source: string;
  sent: number;
  /** How many of them SQS took; it refuses such as are too long. */
  taken: number;
  stored: number;
  rejected: ReadonlyMap<string, number>;
  logins: readonly Record<string, unknown>[];
  repeated: readonly RepeatedToken[];
  shown: readonly Demonstration[];
  nextCommands: readonly string[];
  elapsedMs: number;
}

/** A command that was run for show, and what it gave. */
export interface Demonstration {
  title: string;
  command: string;
  /** A text instead where it was not run, which says why. */
  result: Readonly<Record<string, unknown>> | string;
  /** The row it left in `vault.reveal_audit`. */
  audit?: Readonly<Record<string, unknown>> | null;
}

/** Lays the report out as text. */
export function closingScreen(report: Report): string {
  const { rejected } = report;
  const deadLetters = [...rejected.values()].reduce((sum, count) => sum + count, 0);
  const why = [...rejected].map(([reason, count]) => `${count} ${reason}`).join(', ');
  const counts = {
    sent: `${report.sent}  from ${report.source}`,
    stored: `${report.stored}`,
    rejected: `${deadLetters}${why === '' ? '' : `  ${why}`}`,
    duplicates: `${Math.max(0, report.taken - report.stored - deadLetters)}`,
    ...(report.taken < report.sent ? { 'refused by SQS': `${report.sent - report.taken}` } : {}),
  };
  return [
    section('What became of the messages', pairs(counts)),
    section('public.user_logins, the first rows', table(report.logins)),
    section('Tokens that most logins share', table(report.repeated.map((row) => ({ ...row })))),
    ...report.shown.map((demonstration) => section(demonstration.title, show(demonstration))),
    section('Try next', report.nextCommands.join('\n')),
    `The stack is up, ${seconds(report.elapsedMs).trim()} after the start. ` +
      'Its addresses are in .local/env; `npm stop` ends it.\n',
  ].join('\n');
}

function show({ command, result, audit }: Demonstration): string {
  if (typeof result === 'string') return `${result}\n${command}`;
  const parts = [`$ ${command}`, pairs(result)];
  if (audit) parts.push('', 'its row in vault.reveal_audit:', pairs(audit));
  return parts.join('\n');
}

function section(title: string, body: string): string {
  const heading = isPlain() ? title : `\u001B[1m${title}\u001B[22m`;
  return `${heading}\n${body.replaceAll(/^(?=.)/gmu, '  ')}\n`;
}
