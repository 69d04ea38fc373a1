import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { readAudit } from '../../db/read-audit.ts';
import { chainStart, verifyChain } from '../../lib/audit/chain.ts';
import { createOpeningKeys } from '../../lib/crypto/data-key.ts';
import { type PiiColumn, piiFields } from '../../lib/pii-fields.ts';
import { reveal } from '../../lib/requests/reveal.ts';
import { spellings } from '../helpers/readable.ts';
import { revealStore, silentLog, silentMetrics } from '../helpers/vault.ts';
import { markers, type Sent } from './messages.ts';
import type { Storm } from './storm.ts';

const maxShown = 3;
const tokensPerPage = 100;

/** The first few findings, without a value: which message, and what became of its deliveries. */
function shown(storm: Storm, wrong: readonly { messageId: string; what: string }[]): string[] {
  const told = wrong.slice(0, maxShown).map(({ messageId, what }) => {
    const trail = (storm.queue.trails.get(messageId) ?? []).map(
      ({ round, container, fault, outcome }) =>
        `round ${round}, ${container}: ${fault}, ${outcome}`,
    );
    return `${messageId} ${what} [${trail.join(' | ')}]`;
  });
  const more = wrong.length - told.length;
  return more > 0 ? [...told, `and ${more} more`] : told;
}

interface LoginRow extends Record<PiiColumn, string | null> {
  user_id: string;
  device_type: string;
  locale: string | null;
  app_version: number;
  day: string;
}

/** Every valid message has one row, which is right, and no other row is there. */
export async function checkLogins(storm: Storm): Promise<string[]> {
  const { rows } = await storm.postgres.database.admin.query<LoginRow>(
    'select *, create_date::text as day from user_logins',
  );
  const byUser = new Map<string, LoginRow[]>();
  for (const row of rows) {
    const same = byUser.get(row.user_id);
    if (same === undefined) byUser.set(row.user_id, [row]);
    else same.push(row);
  }
  const wrong: { messageId: string; what: string }[] = [];
  for (const { messageId, becomes } of storm.messages) {
    if (!('login' in becomes)) continue;
    const { login } = becomes;
    const stored = byUser.get(login.userId) ?? [];
    byUser.delete(login.userId);
    if (stored.length !== 1) {
      wrong.push({ messageId, what: `is stored ${stored.length} times` });
      continue;
    }
    const [row] = stored as [LoginRow];
    const expected: Record<string, unknown> = {
      user_id: login.userId,
      device_type: login.deviceType,
      ...Object.fromEntries(
        piiFields.map(({ kind, column }) => [column, storm.tokenOf(kind, login.pii[kind])]),
      ),
      locale: login.locale,
      app_version: login.appVersion,
      day: login.day,
    };
    const different = Object.keys(expected).filter(
      (name) => row[name as keyof LoginRow] !== expected[name],
    );
    if (different.length > 0) wrong.push({ messageId, what: `differs in ${different.join(', ')}` });
  }
  const findings = shown(storm, wrong);
  if (byUser.size > 0) {
    const poison = storm.messages.flatMap(({ body, becomes }) =>
      'reason' in becomes && [...byUser.keys()].some((user) => body.includes(user))
        ? [becomes.reason]
        : [],
    );
    findings.push(
      `${byUser.size} users are stored that no valid message has, of messages with ${poison.join() || 'no reason'}`,
    );
  }
  return findings;
}

/** The ledger holds the valid messages, each under its day, and nothing else. */
export async function checkLedger(storm: Storm): Promise<string[]> {
  const { rows } = await storm.postgres.database.admin.query<{ id: string; day: string }>(
    'select message_id as id, sent_on::text as day from vault.ingested_messages',
  );
  const days = new Map(rows.map(({ id, day }) => [id, day]));
  const wrong: { messageId: string; what: string }[] = [];
  for (const { messageId, becomes } of storm.messages) {
    const expected = 'login' in becomes ? becomes.login.day : undefined;
    const day = days.get(messageId);
    days.delete(messageId);
    if (day !== expected) wrong.push({ messageId, what: `is in the ledger under ${day}` });
  }
  const findings = shown(storm, wrong);
  if (days.size > 0) findings.push(`the ledger holds ${days.size} ids of no message`);
  return findings;
}

/** Every poison message is a dead letter with its reason and its body, and no other message is one. */
export function checkDeadLetters(storm: Storm): string[] {
  const expected = new Map<string, Sent>(
    storm.messages.map((sent) => [sent.messageId, sent] as const),
  );
  const found = new Set<string>();
  const wrong: { messageId: string; what: string }[] = [];
  for (const { sourceMessageId: messageId, reason, body } of storm.queue.deadLetters) {
    found.add(messageId);
    const sent = expected.get(messageId);
    if (sent === undefined) wrong.push({ messageId, what: 'is a dead letter of no message' });
    else if ('login' in sent.becomes) {
      wrong.push({ messageId, what: `is valid and a dead letter: ${reason}` });
    } else if (reason !== sent.becomes.reason) {
      wrong.push({ messageId, what: `has the reason ${reason}, not ${sent.becomes.reason}` });
    } else if (body !== sent.body) wrong.push({ messageId, what: 'has its body changed' });
  }
  for (const { messageId, becomes } of storm.messages) {
    if ('reason' in becomes && !found.has(messageId)) {
      wrong.push({ messageId, what: `(${becomes.reason}) is no dead letter: it is lost` });
    }
  }
  return shown(storm, wrong);
}

/** What revealing all tokens of `user_logins` gave. */
export interface Revealed {
  findings: string[];
  revealed: number;
  erased: number;
}

/** Every token of `user_logins` opens to its value, or was erased. */
export async function checkRevealable(storm: Storm): Promise<Revealed> {
  const { database } = storm.postgres;
  const { rows } = await database.admin.query<{ token: string; erased: boolean }>(
    `select token, exists (
       select from vault.reveal_audit as audit
       where audit.token = held.token and audit.action = 'erase' and audit.outcome = 'erased'
     ) as erased
     from (
       ${piiFields.map(({ column }) => `select ${column} from user_logins`).join(' union ')}
     ) as held (token)
     where token is not null`,
  );
  const wasErased = new Map(rows.map(({ token, erased }) => [token, erased]));
  const tokens = [...wasErased.keys()];
  const deps = {
    ...revealStore(database.as('vault_reveal_url')),
    keys: createOpeningKeys(storm.kms),
    log: silentLog,
    metrics: silentMetrics,
  };
  const result: Revealed = { findings: [], revealed: 0, erased: 0 };
  const wrong = { value: 0, kind: 0, missing: 0, pages: [] as string[] };
  for (let start = 0; start < tokens.length; start += tokensPerPage) {
    const page = tokens.slice(start, start + tokensPerPage);
    // the quota counts a principal's rows: a few principals keep that short
    const id = `arn:aws:iam::123456789012:user/faults-${Math.floor(start / 2_000)}`;
    const answer = await reveal(
      { tokens: page, reason: 'fault suite, all of them' },
      { id, source: 'iam' },
      randomUUID(),
      deps,
    ).catch((error: Error) => error);
    if (answer instanceof Error) {
      wrong.pages.push(answer.name);
      continue;
    }
    result.revealed += answer.revealed.length;
    for (const { token, kind, value } of answer.revealed) {
      if (storm.values.get(token) !== value) wrong.value += 1;
      if (storm.tokenOf(kind, value) !== token) wrong.kind += 1;
    }
    for (const { token, why } of answer.missing) {
      if (why === 'erased' && wasErased.get(token) === true) result.erased += 1;
      else wrong.missing += 1;
    }
  }
  if (wrong.pages.length > 0) {
    result.findings.push(
      `${wrong.pages.length} requests of ${tokensPerPage} tokens fail: ${[...new Set(wrong.pages)].join(', ')}`,
    );
  }
  if (wrong.value > 0) result.findings.push(`${wrong.value} tokens open to a wrong value`);
  if (wrong.kind > 0) result.findings.push(`${wrong.kind} tokens are not their values' own`);
  if (wrong.missing > 0) result.findings.push(`${wrong.missing} tokens cannot be revealed`);
  return result;
}

/** The audit chain is whole, holds what was certified, and a row for each token answered. */
export async function checkAudit(storm: Storm): Promise<string[]> {
  const { admin } = storm.postgres.database;
  const chain = await verifyChain(readAudit(admin), chainStart, storm.heads);
  const findings = chain.findings.map(({ id, problem }) => `audit row ${id} ${problem}`);
  const { rows } = await admin.query<{ id: string; count: number }>(
    `select request_id as id, count(distinct token)::integer as count
     from vault.reveal_audit where action = 'reveal' group by request_id`,
  );
  const recorded = new Map(rows.map(({ id, count }) => [id, count]));
  for (const [id, tokens] of storm.answeredReveals) {
    if (recorded.get(id) !== tokens) findings.push(`reveal ${id} was answered and not recorded`);
  }
  return findings;
}

/** No plaintext is in any table, in any file of the server, its write-ahead log or its log. */
export async function checkPlaintext(storm: Storm): Promise<string[]> {
  const { database, directory, log } = storm.postgres;
  const needles = markers.flatMap((marker) => spellings(marker).slice(0, 2));
  const { rows: tables } = await database.admin.query<{ name: string }>(
    `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
     where table_schema in ('public', 'vault')`,
  );
  const findings: string[] = [];
  for (const { name } of tables) {
    const { rows } = await database.admin.query<{ count: number }>(
      `select count(*)::integer as count from ${name} as entry
       where exists (select from unnest($1::text[]) as needle where strpos(entry::text, needle) > 0)`,
      [needles],
    );
    if (rows[0]!.count > 0) findings.push(`${rows[0]!.count} rows of ${name} hold a plaintext`);
  }
  if (needles.some((needle) => log().includes(needle))) {
    findings.push('the log of Postgres holds a plaintext');
  }
  await database.admin.query('checkpoint');
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    // files come and go while the server runs
    const content = await readFile(path).catch(() => Buffer.alloc(0));
    if (markers.some((marker) => content.includes(marker))) {
      findings.push(`${path.slice(directory.length + 1)} holds a plaintext`);
    }
  }
  return findings;
}
