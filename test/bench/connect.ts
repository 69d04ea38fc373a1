import { Pool } from 'pg';

import { createPool } from '../../db/pool.ts';
import type { TestDatabase } from '../helpers/database.ts';

/** Where a database is. */
export interface Place {
  port: number;
  database: string;
  password: string;
  /** Values of each kind that the vault holds: those with the numbers 0 to `held` − 1. */
  held: number;
}

/** The superuser's connection and pools as the functions make them, opened when first used. */
export function connect({ port, database, password }: Place): TestDatabase {
  const server = { host: '127.0.0.1', port, database, password };
  const admin = new Pool({ ...server, user: 'postgres', max: 1 });
  admin.on('error', () => undefined);
  const pools = [admin];
  return {
    name: database,
    port,
    admin,
    as: (role) => {
      const pool = createPool({ ...server, user: role, tls: false }, 'maintenance');
      pools.push(pool);
      return pool;
    },
    drop: async () => {
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}
