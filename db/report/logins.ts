import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from '../query.ts';
import { user } from './columns.ts';

/** What there is in `public.user_logins`. */
export interface Overview {
  logins: number;
  users: number;
}

/** Logins of one day (YYYY-MM-DD) by one type of device; `null` stands for all types that are rare. */
export interface DayCount {
  day: string;
  deviceType: string | null;
  logins: number;
}

/** Logins by one version of the app; `null` stands for all versions that are rare. */
export interface VersionCount {
  version: number | null;
  logins: number;
}

const overviewStatement = statement<{ logins: string; users: string }>(
  'report_overview',
  sql`
  select coalesce(sum(logins), 0) as logins, count(by_user.user) as users
  from (select ${user} as user, count(*) as logins from public.user_logins group by 1) as by_user
`,
);

/** Counts logins and users. Throws `DatabaseError`. */
export async function readOverview(connection: Connection): Promise<Overview> {
  const [row] = await run(connection, overviewStatement);
  return { logins: Number(row?.logins), users: Number(row?.users) };
}

const daysStatement = statement<{ day: string; device_type: string | null; logins: string }>(
  'report_days',
  sql`
  with counted as materialized (
    select create_date::date as day, coalesce(device_type::text, '') as device_type, count(*) as logins
    from public.user_logins where isfinite(create_date) group by 1, 2
  ), common as (
    select device_type from counted group by 1 order by sum(logins) desc, 1 limit ${sql.placeholder('types')}
  )
  select to_char(day, 'YYYY-MM-DD') as day, common.device_type, sum(logins) as logins
  from counted left join common using (device_type)
  where day > (select max(day) from counted) - ${sql.placeholder('days')}::integer
  group by 1, 2
  order by 1, common.device_type is null, sum(sum(logins)) over (partition by common.device_type) desc, 2
`,
);

/**
 * Logins of each day that has any, of the `days` days up to the newest one, by the `types` most common types of
 * devices. Throws `DatabaseError`.
 */
export async function readDays(
  connection: Connection,
  { days, types }: { days: number; types: number },
): Promise<DayCount[]> {
  const rows = await run(connection, daysStatement, { days, types });
  return rows.map(({ day, device_type: deviceType, logins }) => ({
    day,
    deviceType,
    logins: Number(logins),
  }));
}

const versionsStatement = statement<{ version: string | null; logins: string }>(
  'report_versions',
  sql`
  with counted as materialized (
    select app_version::bigint as version, count(*) as logins from public.user_logins group by 1
  ), common as (
    select version from counted where version is not null
    order by logins desc, version desc limit ${sql.placeholder('limit')}
  )
  select common.version, sum(logins) as logins from counted left join common using (version)
  group by 1 order by 1 desc nulls last
`,
);

/** Logins of the `limit` most common versions, the newest version first, and of all others. Throws `DatabaseError`. */
export async function readVersions(connection: Connection, limit: number): Promise<VersionCount[]> {
  const rows = await run(connection, versionsStatement, { limit });
  return rows.map(({ version, logins }) => ({
    version: version === null ? null : Number(version),
    logins: Number(logins),
  }));
}
