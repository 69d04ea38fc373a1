import type { Storm } from './storm.ts';

/** What became of all messages of a storm: a line each, for people. */
export async function outcomeOf(storm: Storm): Promise<string> {
  const { queue, messages, faults } = storm;
  const { rows } = await storm.postgres.database.admin.query<{ id: string; times: number }>(
    'select user_id as id, count(*)::integer as times from user_logins group by user_id',
  );
  const stored = new Map(rows.map(({ id, times }) => [id, times]));
  const putAside = new Set(queue.deadLetters.map(({ sourceMessageId }) => sourceMessageId));
  const count = { valid: 0, once: 0, doubled: 0, aside: 0, lost: 0 };
  for (const { messageId, becomes } of messages) {
    if ('reason' in becomes) {
      if (putAside.has(messageId)) count.aside += 1;
      else count.lost += 1;
      continue;
    }
    const times = stored.get(becomes.login.userId) ?? 0;
    count.valid += 1;
    if (times === 0) count.lost += 1;
    else if (times === 1) count.once += 1;
    else count.doubled += 1;
  }
  const met = (fault: string) => faults.get(fault) ?? 0;
  const kills = [...faults].filter(([fault]) => fault.startsWith('killed '));
  return [
    `sent                          ${messages.length}, of which valid ${count.valid}`,
    `stored once                   ${count.once}`,
    `dead letters, not valid       ${count.aside}`,
    `lost                          ${count.lost}`,
    `doubled                       ${count.doubled}`,
    `handlers killed               ${kills.reduce((sum, [, times]) => sum + times, 0)}, of which processes ${met('process killed')}`,
    `Postgres killed               ${met('Postgres killed')}, and ${met('Postgres backend killed')} times one of its processes`,
    `Postgres stopped              ${met('Postgres stopped')}`,
    `erased while remembered       ${met('remembered token erased')} times met by a container with a warm memory`,
  ].join('\n');
}
