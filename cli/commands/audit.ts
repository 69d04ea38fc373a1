import { type Command, InvalidArgumentError, Option } from 'commander';

import { type LastRotation, lastRotation } from '../../db/operations/last-rotation.ts';
import { allRows, type AuditEntry, type AuditSearch, searchAudit } from '../../db/search-audit.ts';
import { type AuditAction, auditActions } from '../../lib/audit/entry.ts';
import { kindOfToken } from '../../lib/crypto/token.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { csvLine } from '../csv.ts';
import { interruptible, withPool } from '../database.ts';
import { databaseConfig } from '../login.ts';
import { plural } from '../plural.ts';
import { printParts } from '../print-parts.ts';
import { refuseExisting, writePrivateFile } from '../private-file.ts';
import { type Progress, showProgress } from '../progress.ts';
import { findStage } from '../stage.ts';
import { table } from '../table.ts';
import { UserError } from '../user-error.ts';
import { visible, visibleJson } from '../visible.ts';

interface Options extends CommonOptions {
  token?: string;
  person?: string;
  action?: AuditAction;
  request?: string;
  from?: string;
  to?: string;
  format?: 'table' | 'csv' | 'json';
  out?: string;
}

const description = `Shows who revealed, looked up or erased what, when and why: one row for each token, and one row for each
event, such as an approval, with what it is about in the column detail. Days are
UTC, YYYY-MM-DD, or months, YYYY-MM. Logs in as vault_auditor. What is shown is not verified: verify
does that.`;

const example =
  'npx pii-vault audit --stage prod --from 2026-01 --to 2026-01 --format csv --out january.csv';

// what a person reads on a terminal
const maxShown = 1_000;

const columns = [
  'at',
  'action',
  'principal',
  'source',
  'token',
  'outcome',
  'reason',
  'requestId',
  'id',
  'detail',
] as const;

export function define(command: Command): void {
  describe(command, description, example, ['stage', 'database'])
    .option('--token <token>', 'rows of this token')
    .option('--person <text>', 'rows whose principal has this text in it')
    .addOption(new Option('--action <action>', 'rows of this action').choices(auditActions))
    .option('--request <id>', 'rows of this request')
    .option('--from <day>', 'rows from this day or month on', parsePeriod)
    .option('--to <day>', 'rows up to this day or month, and of it', parsePeriod)
    .addOption(
      new Option('--format <format>', 'how to print the rows; csv and json have no limit')
        .choices(['table', 'csv', 'json'])
        .conflicts('json'),
    )
    .option(
      '--out <file>',
      'write the rows to a new file that only you may read; as CSV by default',
    )
    .action(action(run));
}

async function run(options: Options, { signal, ifCancelled }: Context): Promise<Outcome> {
  ifCancelled(() => 'Nothing was changed: audit only reads.');
  const { out } = options;
  const search = searchOf(options);
  if (out !== undefined) await refuseExisting(out);
  const format = options.format ?? (out === undefined ? 'table' : 'csv');
  const stage = await findStage(options.stage);
  const config = await databaseConfig(stage, 'vault_auditor', options);
  return withPool(interruptible(config, signal), async (pool) => {
    const counter = { rows: 0 };
    const progress = showProgress('Reading audit rows', null);
    const entries = counted(searchAudit(pool, search), counter, progress);
    try {
      if (format === 'table' && out === undefined) {
        const found = await shown(entries, options);
        const note =
          search.token === null ? null : otherName(search.token, await lastRotation(pool));
        return note === null ? found : { ...found, text: `${found.text}\n${note}` };
      }
      const parts = format === 'json' ? asJson(entries) : asCsv(entries);
      if (out !== undefined) await writePrivateFile(out, parts);
      else await printParts(parts);
    } finally {
      progress.end();
    }
    const text = out === undefined ? '' : `Wrote ${plural(counter.rows, 'row')} to ${out}.`;
    return { exitCode: 0, text, report: { stage: stage.name, written: counter.rows } };
  });
}

/** Throws `UserError` for a search that can find nothing. */
function searchOf(options: Options): AuditSearch {
  const { token, person, action: what, request, from, to } = options;
  if (token !== undefined && kindOfToken(token.trim()) === null) {
    throw new UserError('--token is not a token.');
  }
  if (from !== undefined && to !== undefined && firstDay(from) >= dayAfter(to)) {
    throw new UserError('--from is after --to.');
  }
  return {
    ...allRows,
    token: token?.trim() ?? null,
    person: person ?? null,
    action: what ?? null,
    requestId: request ?? null,
    from: from === undefined ? null : firstDay(from),
    until: to === undefined ? null : dayAfter(to),
  };
}

/** Such as ` with --action reveal, --to 2026-01`. */
function filtersOf({ token, person, action: what, request, from, to }: Options): string {
  const filters = Object.entries({ token, person, action: what, request, from, to })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `--${name} ${visible(value ?? '')}`);
  return filters.length === 0 ? '' : ` with ${filters.join(', ')}`;
}

async function* counted(
  entries: AsyncIterable<AuditEntry>,
  counter: { rows: number },
  progress: Progress,
): AsyncGenerator<AuditEntry> {
  for await (const entry of entries) {
    counter.rows += 1;
    progress.update(counter.rows);
    yield entry;
  }
}

async function shown(entries: AsyncIterable<AuditEntry>, options: Options): Promise<Outcome> {
  const rows: AuditEntry[] = [];
  for await (const entry of entries) {
    if (rows.length === maxShown) {
      throw new UserError(
        `There are more than ${maxShown} rows: narrow the search, or write them with --out FILE.`,
      );
    }
    rows.push(entry);
  }
  // most searches find no event
  const used = columns.filter((name) => name !== 'detail' || rows.some((row) => row.detail));
  const cells = rows.map((row) =>
    used.map((name) => [name, visible(String(row[name] ?? ''))] as const),
  );
  const text =
    rows.length === 0
      ? `No audit row was found${filtersOf(options)}.`
      : table(cells.map((row) => Object.fromEntries(row)));
  return { exitCode: 0, text, report: { rows } };
}

/** Where else rows of this token are, if the token key was replaced; null if nowhere. */
function otherName(token: string, last: LastRotation | null): string | null {
  if (last === null || (last.outcome !== 'swapped' && last.outcome !== 'finished')) return null;
  const generation = Number(/_v(\d+)_/.exec(token)?.[1]);
  if (generation === last.to) {
    return `The token key was replaced before ${last.at}: rows from before that have the former token.`;
  }
  if (generation > last.to) return null;
  const since = `The token key was replaced since: later rows have another token`;
  return generation === last.from && last.outcome === 'swapped'
    ? `${since}, which npx pii-vault translate ${token} names.`
    : `${since}. It can be translated no longer.`;
}

async function* asCsv(entries: AsyncIterable<AuditEntry>): AsyncGenerator<string> {
  yield csvLine(columns);
  for await (const entry of entries) yield csvLine(columns.map((name) => entry[name]));
}

async function* asJson(entries: AsyncIterable<AuditEntry>): AsyncGenerator<string> {
  let separator = '[\n';
  for await (const entry of entries) {
    yield separator + visibleJson(entry);
    separator = ',\n';
  }
  yield separator === '[\n' ? '[]\n' : '\n]\n';
}

function parsePeriod(text: string): string {
  const day = /^\d{4}-\d\d$/.test(text) ? `${text}-01` : text;
  const date = /^\d{4}-\d\d-\d\d$/.test(day) ? new Date(`${day}T00:00:00Z`) : null;
  // 31 June is read as 1 July
  if (date !== null && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day)) {
    return text;
  }
  throw new InvalidArgumentError('It is not a day, YYYY-MM-DD, or a month, YYYY-MM.');
}

function firstDay(period: string): string {
  return period.length === 7 ? `${period}-01` : period;
}

function dayAfter(period: string): string {
  const date = new Date(`${firstDay(period)}T00:00:00Z`);
  if (period.length === 7) date.setUTCMonth(date.getUTCMonth() + 1);
  else date.setUTCDate(date.getUTCDate() + 1);
  return date.toISOString().slice(0, 10);
}
