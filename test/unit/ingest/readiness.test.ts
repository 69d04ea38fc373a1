import { describe, expect, it } from 'vitest';

import { DatabaseError, KeyServiceError } from '../../../lib/errors.ts';
import { createReadiness } from '../../../lib/ingest/readiness.ts';

function setUp() {
  const state = {
    asked: 0,
    seconds: 0,
    fault: null as Error | null,
    lines: [] as string[],
  };
  const readiness = createReadiness(
    [
      async () => {
        state.asked += 1;
        if (state.fault !== null) throw state.fault;
      },
    ],
    {
      info: (event) => void state.lines.push(event),
      error: (event) => void state.lines.push(event),
    },
    () => state.seconds * 1000,
  );
  return { state, readiness };
}

describe('readiness', () => {
  it('asks once in five seconds, whatever the answer', async () => {
    const { state, readiness } = setUp();
    for (const fault of [null, new DatabaseError('ECONNREFUSED')]) {
      state.fault = fault;
      state.seconds += 10;
      state.asked = 0;
      for (let batch = 0; batch < 100; batch += 1) expect(await readiness.fault()).toBe(fault);
      expect(state.asked).toBe(1);
      state.seconds += 5;
      expect(await readiness.fault()).toBe(fault);
      expect(state.asked).toBe(2);
    }
  });

  it('says once that the answers ended, and once that they are back', async () => {
    const { state, readiness } = setUp();
    const faults = [null, new DatabaseError('ECONNREFUSED'), new KeyServiceError(null), null, null];
    for (const fault of faults) {
      state.fault = fault;
      for (let batch = 0; batch < 10; batch += 1, state.seconds += 10) await readiness.fault();
    }
    expect(state.lines).toEqual(['vault unavailable', 'vault available again']);
  });

  it('asks again when there is doubt', async () => {
    const { state, readiness } = setUp();
    await readiness.fault();
    state.fault = new DatabaseError('ECONNRESET');
    readiness.doubt();
    expect(await readiness.fault()).toBe(state.fault);
  });

  it('tells nothing of an error that is not the vault’s', async () => {
    const { state, readiness } = setUp();
    state.fault = new Error('198.51.100.7');
    expect(String(await readiness.fault())).not.toContain('198.51.100.7');
  });
});
