import { piiKinds, type PiiKind } from '../../lib/pii-fields.ts';
import { createTokenizer } from '../../lib/crypto/token.ts';
import { createPrng } from '../../scripts/local/prng.ts';
import { type CrashingPostgres, startCrashingPostgres } from '../helpers/crashing-postgres.ts';
import { createKmsDouble, type KmsDouble } from '../../scripts/local/kms-double.ts';
import { createMessages, refusedDeviceType, type Sent } from './messages.ts';
import { createQueue, type Queue } from './queue.ts';

/** What a storm goes over: the messages and where they go, each part sound by itself. */
export interface System {
  seed: number;
  postgres: CrashingPostgres;
  kms: KmsDouble;
  queue: Queue;
  messages: readonly Sent[];
  tokenOf: (kind: PiiKind, value: string | null) => string | null;
  /** Every token that can be there, and its value. */
  values: ReadonlyMap<string, string>;
}

interface Size {
  messages: number;
  refusedShare: number;
  newShare: number;
  maxReceiveCount: number;
  fsync: boolean;
}

/** Starts Postgres, whose table refuses one device type; the messages are made and not yet sent. */
export async function startSystem(seed: number, size: Size): Promise<System> {
  const queue = createQueue(createPrng(seed + 1), size.maxReceiveCount);
  const make = createMessages(createPrng(seed + 2), size.refusedShare, size.newShare);
  const messages = Array.from({ length: size.messages }, () => make());
  const kms = createKmsDouble();
  const tokenizer = createTokenizer(await kms.tokenRoot());
  const values = new Map<string, string>();
  for (const { becomes } of messages) {
    if (!('login' in becomes)) continue;
    for (const kind of piiKinds) {
      const value = becomes.login.pii[kind];
      if (value !== null) values.set(tokenizer.token(kind, value), value);
    }
  }
  const postgres = await startCrashingPostgres(size.fsync);
  await postgres.database.admin.query(
    `alter table user_logins
     add constraint owners_rule check (device_type <> '${refusedDeviceType}')`,
  );
  return {
    seed,
    postgres,
    kms,
    queue,
    messages,
    tokenOf: (kind, value) => (value === null ? null : tokenizer.token(kind, value)),
    values,
  };
}
