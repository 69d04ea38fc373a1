import { type SQL, sql } from 'drizzle-orm';

import type * as schema from './schema.ts';

type NameOf<T> = T extends { _: { name: infer Name extends string; schema: infer Schema } }
  ? Schema extends string
    ? `${Schema}.${Name}`
    : `public.${Name}`
  : never;

/** A table of db/schema.ts, with its schema. */
export type TableName = NameOf<(typeof schema)[keyof typeof schema]>;

/** The table in a statement of a function that starts often: the definitions of all tables take longer to load than the rest of it. */
export const table = (name: TableName): SQL => sql.raw(name);
