import type { Pool, PoolClient } from 'pg';

import { DatabaseError } from '../lib/errors.ts';
import { type Connection, withoutParameters } from './query.ts';

/** Runs `work` on a client that is shared with all work that runs at the same time. */
export type SharedClient = <T>(work: (connection: Connection) => Promise<T>) => Promise<T>;

interface Loan {
  client: Promise<PoolClient>;
  borrowers: number;
  isBroken: boolean;
}

/**
 * Shares the pool's only client between all work that runs at the same time; the pool itself would let
 * it wait. Statements follow one another without waiting for answers. After a lost connection, the
 * next work gets a new client.
 */
export function createSharedClient(pool: Pool): SharedClient {
  let loan: Loan | null = null;

  return async (work) => {
    const taken = (loan ??= {
      client: withoutParameters(() => pool.connect()),
      borrowers: 0,
      isBroken: false,
    });
    taken.borrowers += 1;
    try {
      return await work(await taken.client);
    } catch (error) {
      taken.isBroken ||= error instanceof DatabaseError && error.isConnectionSpent;
      throw error;
    } finally {
      taken.borrowers -= 1;
      if (loan === taken && (taken.isBroken || taken.borrowers === 0)) loan = null;
      if (taken.borrowers === 0) await giveBack(taken);
    }
  };
}

async function giveBack({ client, isBroken }: Loan): Promise<void> {
  try {
    (await client).release(isBroken);
  } catch {
    // connecting failed, and the work has thrown that error already
  }
}
