import type { TestDatabase } from '../helpers/database.ts';
import { postgresCpu } from './postgres-cpu.ts';
import type { Store } from './store.ts';
import { number } from './table.ts';

/** What storing messages took in all rounds together, in milliseconds; Postgres's null where the system does not tell. */
export interface Costs {
  messages: number;
  wall: number;
  handler: number;
  postgres: number | null;
}

export const noCosts = (): Costs => ({ messages: 0, wall: 0, handler: 0, postgres: 0 });

/** As `measure` of the store; adds what this took to `costs`. Returns messages a second. */
export async function addCosts(
  costs: Costs,
  database: Pick<TestDatabase, 'admin'>,
  measure: () => ReturnType<Store['measure']>,
): Promise<number> {
  const before = await postgresCpu(database);
  const { perSecond, messages, handlerMs } = await measure();
  const after = await postgresCpu(database);
  costs.messages += messages;
  costs.wall += (messages / perSecond) * 1_000;
  costs.handler += handlerMs;
  costs.postgres =
    costs.postgres === null || before === null || after === null
      ? null
      : costs.postgres + after - before;
  return perSecond;
}

/** Columns for `costsRow`: where the two sides compute longer than a message takes, they did so at the same time. */
export const costsColumns = ['handler', 'Postgres', 'both', 'passed'];

/** Microseconds for a message. */
export function costsRow({ messages, wall, handler, postgres }: Costs): string[] {
  const each = (ms: number | null) => (ms === null ? '–' : number((ms / messages) * 1_000, 1));
  return [each(handler), each(postgres), each(postgres && handler + postgres), each(wall)];
}
