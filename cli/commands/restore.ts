import type { Command } from 'commander';
import type { ClientConfig } from 'pg';

import { analyzeTables } from '../../db/operations/copy-tables.ts';
import { lastRotation } from '../../db/operations/last-rotation.ts';
import { encodePosition } from '../../lib/audit/chain.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { confirm } from '../confirm.ts';
import { interruptible, withPool } from '../database.ts';
import { type DatabaseOptions, iamConfig } from '../login.ts';
import { type Progress, showProgress } from '../progress.ts';
import { underWay } from '../rotation-plan.ts';
import { type RestoreProgress, restoreDump } from '../restore-dump.ts';
import { plural } from '../plural.ts';
import { pairs } from '../table.ts';
import { UserError } from '../user-error.ts';

interface Options extends Omit<CommonOptions, 'stage'> {
  from: string;
  audit: string;
}

const description = `Restores what backup wrote into the database of the variable RESTORE_DATABASE_URL. It
must be new: db/bootstrap.sql has run on it, and nothing else. Applies the migrations, loads the
values of --from and the audit of --audit, verifies the audit chain, and erases again what was
erased after the copy was made. All of it, or nothing.

--audit is the newest audit there is: that of the database to be replaced, if it can still be read
(backup --audit-only), or that of the newest copy. Name the copy itself only if there is no newer
one: values erased since then come back, unless you erase them again by their certificates.

The user of the URL is vault_migrator, never an administrator. Without a password in the URL, it logs
in by IAM over TLS.`;

const example =
  'RESTORE_DATABASE_URL=postgresql://vault_migrator@HOST:5432/vault \\\n' +
  '    npx pii-vault restore --from ./dump --audit ./audit-now';

export function define(command: Command): void {
  describe(command, description, example, ['yes', 'database'])
    .requiredOption('--from <dump>', 'the directory that backup wrote')
    .requiredOption('--audit <dump>', 'the directory with the newest audit')
    .action(action(run));
}

async function run(options: Options, { signal, ifCancelled }: Context): Promise<Outcome> {
  const url = targetUrl();
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)) {
    await confirm(`Restore ${options.from} into ${url.host}${url.pathname}?`, options);
  }
  let isRestored = false;
  ifCancelled(() =>
    isRestored
      ? 'Everything was restored; the planner only lacks statistics of it (ANALYZE).'
      : 'Nothing was restored: the database is empty. Run it again.',
  );
  const config = interruptible(await targetConfig(url, options), signal);
  const { progress, end } = successive();
  const { rows, erasedAgain, erasedLater, generation, head, rotation } = await withPool(
    config,
    async (pool) => {
      const restored = await restoreDump(pool, options.from, options.audit, progress);
      isRestored = true;
      await analyzeTables(pool);
      return { ...restored, rotation: underWay(await lastRotation(pool)) };
    },
  ).finally(end);
  const { id, hash } = encodePosition(head);
  return {
    exitCode: erasedLater > 0 ? 1 : 0,
    problems:
      erasedLater === 0
        ? []
        : [
            `Up to ${plural(erasedLater, 'value')} erased since then may still be there: this copy has tokens of ` +
              `generation ${generation}, and they were erased under later ones, so nobody can tell which of them it ` +
              'holds. Replace its token key (npx pii-vault rotate), which erases them.',
          ],
    text:
      `${pairs(rows)}\nErased again, because erased since then: ${plural(erasedAgain, 'value')}.\n` +
      `The tokens are of generation ${generation}. The audit is right. head ${id}:${hash}\nRestored into ${url.host}${url.pathname}.\n` +
      (rotation === null ? '' : `A rotation is in it. ${rotation}\n`) +
      'It has the limits, the approvals and the retention that the stage had when the copy was made. Deploy the stage to it, ' +
      'and invoke migrate, which writes those of today.',
    report: {
      database: `${url.host}${url.pathname}`,
      rows,
      erasedAgain,
      erasedLater,
      generation,
      rotation,
      head: { id, hash },
    },
  };
}

function targetUrl(): URL {
  const text = process.env['RESTORE_DATABASE_URL'] ?? '';
  if (text === '') throw new UserError('Set RESTORE_DATABASE_URL: the new, empty database.');
  if (URL.canParse(text)) return new URL(text);
  throw new UserError('RESTORE_DATABASE_URL is not a valid URL.');
}

async function targetConfig(url: URL, options: DatabaseOptions): Promise<ClientConfig> {
  if (url.password !== '') return { connectionString: url.href };
  const login = {
    host: url.hostname,
    port: Number(url.port || 5432),
    database: url.pathname.slice(1) || 'vault',
    user: url.username || 'vault_migrator',
  };
  return iamConfig(login, {}, options);
}

/** Shows one bar after another. */
function successive(): { progress: RestoreProgress; end: () => void } {
  let shown: Progress | null = null;
  const end = () => shown?.end();
  return {
    progress: (title, rows) => {
      end();
      shown = showProgress(title, rows);
      return shown.update;
    },
    end,
  };
}
