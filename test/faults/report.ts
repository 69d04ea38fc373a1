import type { Revealed } from './checks.ts';
import type { Storm } from './storm.ts';

/** The counts of a storm, for people: a line each. */
export async function report(storm: Storm, { revealed, erased }: Revealed): Promise<string> {
  const { queue, counts, faults, errors, messages } = storm;
  const { rows } = await storm.postgres.database.admin.query<Record<string, string>>(
    `select (select count(*) from user_logins) as logins,
       (select count(*) from vault.pii_vault) as sealed,
       (select count(*) from vault.data_keys) as data_keys,
       (select count(*) from vault.reveal_audit) as audit`,
  );
  const stored = rows[0]!;
  const reasons = new Map<string, number>();
  for (const { reason } of queue.deadLetters) {
    reasons.set(reason ?? 'none', (reasons.get(reason ?? 'none') ?? 0) + 1);
  }
  const poison = messages.filter(({ becomes }) => 'reason' in becomes).length;
  const of = (name: string) => counts.get(name) ?? 0;
  return [
    `seed                       ${storm.seed}`,
    `time                       ${storm.seconds.toFixed(0)} s, ${storm.rounds} rounds`,
    `sent                       ${queue.counts.sent}, of which poison ${poison}`,
    `deliveries                 ${queue.counts.received}, of which redeliveries ${queue.counts.redelivered}`,
    `came again after delete    ${queue.counts.again}`,
    `moved by the queue itself  ${queue.counts.movedByQueue}`,
    `sent again by a redrive    ${queue.counts.redriven}`,
    `stored logins              ${stored['logins']}`,
    `duplicates suppressed      ${of('duplicates')}`,
    `dead letters               ${queue.deadLetters.length}`,
    ...lines(reasons),
    `sealed values, data keys   ${stored['sealed']}, ${stored['data_keys']}`,
    `KMS calls                  ${Object.entries(storm.kms.calls)
      .map(([call, times]) => `${call} ${times}`)
      .join(', ')}`,
    `reveals under faults       ${of('reveals answered')} answered, ${of('reveals failed')} failed`,
    `erases under faults        ${of('erases certified')} certified, ${of('erases failed')} failed`,
    `tokens revealed at the end ${revealed}, erased ${erased}`,
    `audit rows                 ${stored['audit']}`,
    'faults met',
    ...lines(faults),
    'errors that ingest logged',
    ...lines(errors),
  ].join('\n');
}

function lines(counted: ReadonlyMap<string, number>): string[] {
  return [...counted]
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, times]) => `  ${name.padEnd(44)} ${times}`);
}
