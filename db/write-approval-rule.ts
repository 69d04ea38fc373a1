import { sql } from 'drizzle-orm';

import type { ApprovalRule } from '../lib/config.ts';
import { type Connection, run, statement } from './query.ts';
import { approvalRule } from './schema.ts';

const p = sql.placeholder;

const writeRuleStatement = statement(
  'write_approval_rule',
  sql`
  insert into ${approvalRule} (stage, above, hours)
  values (${p('stage')}::text, ${p('above')}::integer, ${p('hours')}::integer)
  on conflict (only_row) do update set stage = excluded.stage, above = excluded.above, hours = excluded.hours
`,
);

/** Replaces the rule by that of the stage. Throws `DatabaseError`. */
export async function writeApprovalRule(connection: Connection, rule: ApprovalRule): Promise<void> {
  await run(connection, writeRuleStatement, { ...rule });
}
