import { randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';

import type { Principal } from '../../lib/audit/entry.ts';
import { reveal as revealTokens, type RevealDeps } from '../../lib/requests/reveal.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { revealDeps } from '../helpers/vault.ts';
import { withDatabase } from './cluster.ts';
import type { Context } from './context.ts';
import { prepareVault, type PreparedVault } from './reveal-vault.ts';
import { percentile } from './statistics.ts';
import { type Figure, number, type PartResult, type Table } from './table.ts';

interface Latency {
  dataKeys: number;
  tokens: number;
  reveal: Percentiles;
  commit: Percentiles;
  /** The two transactions of a reveal. */
  claim: Percentiles;
  take: Percentiles;
}

interface Percentiles {
  p50: number;
  p99: number;
}

interface Throughput {
  callers: number;
  one: number;
  hundred: number;
  commit: number;
}

/** Reveal, warm, beside a bare client that inserts one row and commits; then by parallel callers. */
export async function reveal({ cluster, quick }: Context): Promise<PartResult> {
  const latencies: Latency[] = [];
  const parallel: Throughput[] = [];
  for (const dataKeys of [1, 1_000]) {
    const place = await cluster.create(0);
    await withDatabase(place, async (database) => {
      const vault = await prepareVault(database, dataKeys);
      for (const tokens of [1, 100]) {
        const times = tokens === 1 ? (quick ? 1_000 : 2_000) : quick ? 100 : 500;
        latencies.push({ dataKeys, tokens, ...(await latency(database, vault, tokens, times)) });
      }
      if (dataKeys > 1) return;
      for (const callers of [1, 2, 4, 8]) {
        parallel.push(await throughput(database, vault, callers, quick ? 200 : 1_500));
      }
    });
    await cluster.drop(place);
  }
  return {
    tables: [latencyTable(latencies), throughputTable(parallel)],
    figures: latencies.filter(({ tokens }) => tokens === 1).map(figure),
    data: { latencies, parallel },
  };
}

function latencyTable(latencies: readonly Latency[]): Table {
  return {
    title: 'Reveal, warm, milliseconds; beside it one row inserted and committed by a bare client',
    columns: ['data keys', 'tokens', 'p50', 'p99', 'commit p50', 'commit p99', 'beyond, p99'],
    rows: latencies.map(({ dataKeys, tokens, reveal: time, commit }) => [
      number(dataKeys),
      tokens,
      ...[time.p50, time.p99, commit.p50, commit.p99, time.p99 - commit.p99].map((each) =>
        number(each, 2),
      ),
    ]),
  };
}

function throughputTable(parallel: readonly Throughput[]): Table {
  return {
    title: 'Parallel callers, requests a second: the audit chain gives them one order',
    columns: ['callers', 'reveal 1 token', 'reveal 100 tokens', 'tokens/s', 'bare commits'],
    rows: parallel.map(({ callers, one, hundred, commit }) =>
      [callers, one, hundred, hundred * 100, commit].map((each) => number(each)),
    ),
  };
}

function figure({ dataKeys, reveal: time, commit, claim, take }: Latency): Figure {
  const beyond = time.p99 - commit.p99;
  return {
    what: `reveal of one token, warm, ${number(dataKeys)} data key${dataKeys > 1 ? 's' : ''}: p99 beyond the commit`,
    must: '≤ 5 ms',
    measured: `${number(beyond, 2)} ms`,
    holds: beyond <= 5,
    profile: {
      title:
        'Milliseconds of its parts: the first transaction records the reveal, the second takes the values',
      columns: ['', 'p50', 'p99'],
      rows: Object.entries({ reveal: time, claim, take, 'a bare commit': commit }).map(
        ([name, { p50, p99 }]) => [name, number(p50, 2), number(p99, 2)],
      ),
    },
  };
}

async function latency(
  database: TestDatabase,
  vault: PreparedVault,
  tokens: number,
  times: number,
): Promise<Omit<Latency, 'dataKeys' | 'tokens'>> {
  const warmDeps = await warm(database, vault);
  const parts = { claim: [] as number[], take: [] as number[] };
  const deps: RevealDeps = {
    ...warmDeps,
    claim: (...request) => timed(parts.claim, () => warmDeps.claim(...request)),
    take: (requestId) => timed(parts.take, () => warmDeps.take(requestId)),
  };
  const client = await database.admin.connect();
  const measured = { reveal: [] as number[], commit: [] as number[] };
  for (let n = -200; n < times; n += 1) {
    const took = {
      reveal: await milliseconds(() => revealOnce(vault, tokens, deps)),
      commit: await milliseconds(() => commitOnce(client)),
    };
    if (n < 0) continue;
    measured.reveal.push(took.reveal);
    measured.commit.push(took.commit);
  }
  client.release();
  const [claim, take] = [parts.claim, parts.take].map((all) => percentiles(all.slice(-times)));
  return {
    reveal: percentiles(measured.reveal),
    commit: percentiles(measured.commit),
    claim: claim!,
    take: take!,
  };
}

async function throughput(
  database: TestDatabase,
  vault: PreparedVault,
  callers: number,
  requests: number,
): Promise<Throughput> {
  const deps: RevealDeps[] = [];
  for (let n = 0; n < callers; n += 1) deps.push(await warm(database, vault));
  const pools = deps.map(() => database.as('vault_ingest'));
  const each = async (times: number, work: (caller: number) => Promise<void>) => {
    const rounds = Math.ceil(times / callers);
    const took = await milliseconds(async () => {
      await Promise.all(
        deps.map(async (_, caller) => {
          for (let n = 0; n < rounds; n += 1) await work(caller);
        }),
      );
    });
    return ((rounds * callers) / took) * 1_000;
  };
  await each(callers, (caller) => commitOnce(pools[caller]!));
  return {
    callers,
    one: await each(requests, (caller) => revealOnce(vault, 1, deps[caller]!)),
    hundred: await each(requests / 10, (caller) => revealOnce(vault, 100, deps[caller]!)),
    commit: await each(requests, (caller) => commitOnce(pools[caller]!)),
  };
}

/** The dependencies of a container that has opened every data key before. */
async function warm(database: TestDatabase, vault: PreparedVault): Promise<RevealDeps> {
  const deps = revealDeps(database, vault.kms, 'vault_reveal_url');
  for (let first = 0; first < vault.oneOfEachKey.length; first += 100) {
    const tokens = vault.oneOfEachKey.slice(first, first + 100);
    const { revealed } = await revealTokens(
      request(tokens),
      nextCaller(tokens.length),
      randomUUID(),
      deps,
    );
    if (revealed.length !== tokens.length) throw new Error('a token was not revealed');
  }
  return deps;
}

async function revealOnce(vault: PreparedVault, count: number, deps: RevealDeps): Promise<void> {
  const first = Math.floor(Math.random() * (vault.tokens.length - count + 1));
  const tokens = vault.tokens.slice(first, first + count);
  const { revealed } = await revealTokens(request(tokens), nextCaller(count), randomUUID(), deps);
  if (revealed.length !== count) throw new Error('a token was not revealed');
}

const request = (tokens: string[]) => ({ tokens, reason: 'measured by the benchmark' });

let asked = 0;

/** Another caller after a thousand tokens, as a quota has it. */
function nextCaller(tokens: number): Principal {
  const n = Math.floor(asked / 1_000);
  asked += tokens;
  return { id: `arn:aws:iam::000000000000:role/bench-${n}`, source: 'iam' };
}

async function commitOnce(client: Pick<ClientBase, 'query'>): Promise<void> {
  await client.query({
    name: 'commit_once',
    text: `insert into public.user_logins (user_id, device_type) values ($1, $2)`,
    values: ['bench', 'android'],
  });
}

async function milliseconds(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function timed<T>(times: number[], work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  try {
    return await work();
  } finally {
    times.push(performance.now() - start);
  }
}

function percentiles(times: readonly number[]): Percentiles {
  return { p50: percentile(times, 50), p99: percentile(times, 99) };
}
