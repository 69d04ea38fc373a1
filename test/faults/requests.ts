import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';

import { eraseValues } from '../../db/audited-requests.ts';
import type { Role } from '../../db/roles.ts';
import { type ChainPosition, decodePosition } from '../../lib/audit/chain.ts';
import { createOpeningKeys } from '../../lib/crypto/data-key.ts';
import { erase } from '../../lib/requests/erase.ts';
import { VaultError } from '../../lib/errors.ts';
import type { OpeningKeyService } from '../../lib/crypto/kms.ts';
import { reveal, type RevealResponse } from '../../lib/requests/reveal.ts';
import type { Prng } from '../../scripts/local/prng.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { type FaultyProxy, startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { revealStore, silentLog, silentMetrics } from '../helpers/vault.ts';
import { toldBreaks } from './handler-faults.ts';
import { createShuffled } from './shuffled.ts';
import type { Now } from './now.ts';
import type { Tally } from './tally.ts';
import type { FlakyKms } from './flaky-kms.ts';

/** What somebody was told, and the audit must hold. */
export interface Promised {
  /** Rows of the audit that certify an erase. */
  heads: readonly ChainPosition[];
  /** Tokens asked for, by the request that was answered. */
  answeredReveals: ReadonlyMap<string, number>;
}

/** An officer who reveals and erases while connections and KMS fail. */
export interface Requests extends Promised {
  reveal: () => Promise<void>;
  erase: () => Promise<void>;
  end: () => Promise<void>;
}

interface Deps {
  prng: Prng;
  now: Readonly<Now>;
  database: TestDatabase;
  kms: OpeningKeyService;
  flakyKms: FlakyKms;
  tally: Tally;
  /** Every token that can be there, and its value. */
  values: ReadonlyMap<string, string>;
}

const reason = 'fault suite, under faults';
const investigator = { id: 'fault suite', source: 'claimed' } as const;
const officer = { id: 'arn:aws:iam::123456789012:user/fault-suite', source: 'iam' } as const;

export async function startRequests(deps: Deps): Promise<Requests> {
  const { prng, database, kms, flakyKms, tally, values } = deps;
  const revealing = await connect(database, 'vault_reveal');
  const erasing = await connect(database, 'vault_erase');
  const disturb = createDisturbance(deps);
  const tokens = [...values.keys()];
  const pickSome = (max: number) => [
    ...new Set(Array.from({ length: max }, () => prng.pick(tokens))),
  ];
  // the first ones come most often: somebody must meet one that it remembers after it was erased
  const common = tokens.slice(0, 50);
  const heads: ChainPosition[] = [];
  const answeredReveals = new Map<string, number>();
  const wasAsked = new Set<string>();
  const revealDeps = {
    ...revealStore(revealing.pool),
    keys: createOpeningKeys({
      unwrapDataKey: (key) => flakyKms.run(() => kms.unwrapDataKey(key)),
    }),
    log: silentLog,
    metrics: silentMetrics,
  };
  const check = (asked: readonly string[], { revealed, missing }: RevealResponse) => {
    if (revealed.length + missing.length !== asked.length) {
      tally.found('a reveal under faults left tokens out');
    }
    if (revealed.some(({ token, value }) => values.get(token) !== value)) {
      tally.found('a reveal under faults gave a wrong value');
    }
    if (missing.some(({ token, why }) => why === 'erased' && !wasAsked.has(token))) {
      tally.found('a reveal under faults called a token erased that was not');
    }
  };

  return {
    heads,
    answeredReveals,
    reveal: async () => {
      disturb(revealing.proxy, 2);
      const asked = pickSome(50);
      const requestId = randomUUID();
      try {
        const answer = await reveal({ tokens: asked, reason }, investigator, requestId, revealDeps);
        answeredReveals.set(requestId, asked.length);
        check(asked, answer);
        tally.counted('reveals answered');
      } catch (error) {
        if (!(error instanceof VaultError) || error.name !== 'VaultUnavailable') {
          tally.found(
            `a reveal under faults threw ${error instanceof Error ? error.name : 'something'}`,
          );
        }
        tally.counted('reveals failed');
      }
      revealing.proxy.disarm();
    },
    erase: async () => {
      disturb(erasing.proxy, 1);
      const asked = [...new Set([...pickSome(2), prng.pick(common)])];
      for (const token of asked) wasAsked.add(token);
      try {
        const { audit } = await erase({ tokens: asked, reason }, officer, randomUUID(), {
          erase: (...request) => eraseValues(erasing.pool, ...request),
          log: silentLog,
          metrics: silentMetrics,
        });
        heads.push(decodePosition(audit));
        tally.counted('erases certified');
      } catch {
        tally.counted('erases failed');
      }
      erasing.proxy.disarm();
    },
    end: async () => {
      await Promise.all([revealing.proxy.close(), erasing.proxy.close()]);
    },
  };
}

async function connect(
  database: TestDatabase,
  role: Role,
): Promise<{ proxy: FaultyProxy; pool: Pool }> {
  const proxy = await startFaultyProxy(database.port);
  return { proxy, pool: database.as(role, proxy.port) };
}

/**
 * Arms a proxy half of the times; half of those at the statement that commits, which is the one
 * after `last` others.
 */
function createDisturbance({ prng, now, tally }: Deps) {
  const nextBreak = createShuffled(prng, toldBreaks);
  return (proxy: FaultyProxy, last: number): void => {
    const fault = nextBreak();
    if (!now.isStorm || prng.below(2) > 0) return;
    const after = prng.below(2) === 0 ? last : prng.below(last);
    proxy.arm(fault, 1, () => tally.met(`${fault} (reveal, erase)`), after);
  };
}
