import type { Pool } from 'pg';

/** A row of `user_logins`; a test changes only what it is about. */
export interface Login {
  user: string | null;
  deviceType: string;
  ip: string | null;
  device: string | null;
  locale: string | null;
  version: number;
  day: string;
}

/** A login of a user of its own, with tokens of its own. */
export function login(changes: Partial<Login> = {}): Login {
  return {
    user: 'somebody',
    deviceType: 'ios',
    ip: null,
    device: null,
    locale: 'DE',
    version: 2_003_000,
    day: '2026-01-31',
    ...changes,
  };
}

/** Stores the rows as they are. */
export async function storeLogins(admin: Pool, logins: readonly Login[]): Promise<void> {
  await admin.query(
    `insert into public.user_logins
       (user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::date[])`,
    [
      logins.map(({ user }) => user),
      logins.map(({ deviceType }) => deviceType),
      logins.map(({ ip }) => ip),
      logins.map(({ device }) => device),
      logins.map(({ locale }) => locale),
      logins.map(({ version }) => version),
      logins.map(({ day }) => day),
    ],
  );
}
