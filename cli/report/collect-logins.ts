import type { Pool } from 'pg';

import type { Connection } from '../../db/query.ts';
import { readGroups } from '../../db/report/groups.ts';
import { readDays, readOverview, readVersions } from '../../db/report/logins.ts';
import { countMatches, readCases, readOthers } from '../../db/report/singled-out.ts';
import { inSnapshot } from '../../db/report/snapshot.ts';
import { readTokenUse } from '../../db/report/token-use.ts';
import { piiKinds } from '../../lib/pii-fields.ts';
import { Clusters } from './clusters.ts';
import { chartDays, type ClusterSizes, type KindData, type LoginsData } from './data.ts';
import type { Share } from './interval.ts';
import { chooseCases, countSingledOut, wantedCases } from './singled-out.ts';

/** How many steps `collectLogins` tells of. */
export const loginSteps = 5 + piiKinds.length;

/**
 * Reads all that the report says about logins, as of one moment. `step` is called after each step. The pool's role is
 * `vault_analyst`. Throws `DatabaseError`.
 */
export function collectLogins(pool: Pool, step: () => void = () => undefined): Promise<LoginsData> {
  const told = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work;
    step();
    return result;
  };
  return inSnapshot(pool, async (connection) => {
    const overview = await told(readOverview(connection));
    const days = await told(readDays(connection, { days: chartDays, types: 5 }));
    const versions = await told(readVersions(connection, 12));
    const groups = await told(readGroups(connection));
    const singledOut = await told(findSingledOut(connection, overview.users));
    const all = new Clusters();
    const kinds: KindData[] = [];
    for (const kind of piiKinds) {
      const own = new Clusters();
      const link = (one: number, other: number) => {
        own.link(one, other);
        all.link(one, other);
      };
      const use = await told(readTokenUse(connection, kind, link));
      kinds.push({ kind, use, clusters: sizesOf(own) });
    }
    return { overview, days, versions, groups, singledOut, kinds, clusters: sizesOf(all) };
  });
}

async function findSingledOut(connection: Connection, users: number): Promise<Share[]> {
  const cases = await readCases(connection, Math.max(1, Math.floor(users / wantedCases)));
  const chosen = chooseCases(cases, await countMatches(connection, cases));
  return countSingledOut(chosen, await readOthers(connection, chosen), { users });
}

function sizesOf(clusters: Clusters): ClusterSizes {
  return { largest: clusters.largest(), linked: clusters.users() };
}
