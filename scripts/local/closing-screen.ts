import { pairs, table } from '../../cli/table.ts';
import type { Rejection } from './drain.ts';
import { maskedMessage } from './masked-message.ts';
import type { Line } from './messages.ts';
import type { LocalUrls } from './running-vault.ts';
import { isPlain } from './settings.ts';
import { seconds } from './steps.ts';
import type { RepeatedToken } from './stored-logins.ts';

/** What a start has to tell at its end. */
export interface Report {
  source: string;
  /** Where the stack's files are. */
  directory: string;
  sent: readonly Line[];
  /** Those that SQS did not take: they are too long. */
  refused: readonly Line[];
  stored: number;
  rejected: readonly Rejection[];
  logins: readonly Record<string, unknown>[];
  repeated: readonly RepeatedToken[];
  shown: readonly Demonstration[];
  /** Null where the functions have none. */
  urls: LocalUrls | null;
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

const maxRejected = 20;

/** Lays the report out as text. */
export function closingScreen(report: Report): string {
  const rejected = rejectedLines(report);
  const reasons = new Map<string, number>();
  for (const { reason } of rejected) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const why = [...reasons].map(([reason, count]) => `${count} ${reason}`).join(', ');
  const { sent, refused, stored, logins, urls } = report;
  const repeated = report.repeated.filter(({ logins: shared }) => shared > 1);
  const counts = {
    sent: `${sent.length}  from ${report.source}`,
    stored: `${stored}`,
    rejected: `${rejected.length}${why === '' ? '' : `  ${why}`}`,
    duplicates: `${Math.max(0, sent.length - refused.length - stored - rejected.length)}`,
    ...(refused.length > 0 ? { 'refused by SQS': `${refused.length}` } : {}),
  };
  const lost = [
    ...rejected,
    ...refused.map(({ number, text }) => ({ number, text, reason: 'too long for SQS' })),
  ];
  return [
    section('What became of the messages', pairs(counts)),
    lost.length > 0 && section('Rejected messages, their values hidden', lostMessages(lost)),
    logins.length > 0 && section('public.user_logins, some of the new rows', table(logins)),
    repeated.length > 0 &&
      section(
        'Tokens that most of them share',
        table(repeated.map(({ token, logins: shared }) => ({ token, logins: shared }))),
      ),
    ...report.shown.map((demonstration) => section(demonstration.title, show(demonstration))),
    urls !== null &&
      section(
        'Signed URLs, as curl calls them here',
        pairs({
          reveal: urls.REVEAL_URL,
          tokenize: urls.TOKENIZE_URL,
          erase: urls.ERASE_URL,
          ...(urls.APPROVE_URL !== undefined && { approve: urls.APPROVE_URL }),
          ...(urls.BREAK_GLASS_URL !== undefined && { 'break-glass': urls.BREAK_GLASS_URL }),
        }),
      ),
    section('Try next', report.nextCommands.join('\n')),
    `The stack is up, ${seconds(report.elapsedMs).trim()} after the start. Its addresses are in ` +
      `${report.directory}/env.\nnpm stop deletes its data; npm stop -- --keep-data keeps them.\n`,
  ]
    .filter((part) => part !== false)
    .join('\n');
}

interface LostLine extends Line {
  reason: string;
}

/** Which lines were rejected: of those with the same text, the first ones. */
function rejectedLines({ sent, rejected }: Report): LostLine[] {
  const byText = new Map(rejected.map(({ body }) => [body, [] as Line[]]));
  for (const line of sent) byText.get(line.text)?.push(line);
  const lost = rejected.flatMap(({ body, reason }) => {
    const line = byText.get(body)?.shift();
    // another sender's
    return line === undefined ? [] : [{ ...line, reason }];
  });
  return lost.toSorted((a, b) => a.number - b.number);
}

function lostMessages(lost: readonly LostLine[]): string {
  const rows = lost.slice(0, maxRejected).map(({ number, reason, text }) => ({
    line: number,
    reason,
    message: maskedMessage(text),
  }));
  const more = lost.length - rows.length;
  return more > 0 ? `${table(rows)}\nand ${more} more` : table(rows);
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
