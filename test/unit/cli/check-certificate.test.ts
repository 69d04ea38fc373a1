import { describe, expect, it } from 'vitest';

import { compareCertificate } from '../../../cli/check-certificate.ts';
import type { AuditRow } from '../../../lib/audit/chain.ts';
import type { EraseCertificate } from '../../../lib/requests/erase.ts';

const hash = Buffer.alloc(32, 1);

function row(id: number, changes: Partial<AuditRow>): AuditRow {
  return {
    id,
    at: '1769817600123456',
    action: 'erase',
    requestId: 'r',
    principal: 'officer',
    principalSource: 'iam',
    reason: 'erasure request 17',
    token: `t${id}`,
    outcome: 'erased',
    detail: null,
    previousHash: hash,
    hash,
    unreadable: null,
    ...changes,
  };
}

const rows = [
  row(4, { requestId: 'before', principal: 'another', action: 'reveal' }),
  row(5, {}),
  row(6, { outcome: 'already_erased' }),
  row(7, { outcome: 'unknown' }),
];

const certificate: EraseCertificate = {
  requestId: 'r',
  principal: { id: 'officer', source: 'iam' },
  reason: 'erasure request 17',
  erased: ['t5'],
  missing: [
    { token: 't6', why: 'erased' },
    { token: 't7', why: 'unknown' },
  ],
  suppressed: false,
  erasedAt: '2026-01-31T00:00:00.123456Z',
  audit: { id: 7, hash: hash.toString('hex') },
};

describe('compareCertificate', () => {
  it('finds nothing in a certificate that the audit agrees with', () => {
    expect(compareCertificate(certificate, rows)).toEqual([]);
  });

  it.each<[string, Partial<EraseCertificate>]>([
    ['row 8 is missing', { audit: { ...certificate.audit, id: 8 } }],
    ['another hash', { audit: { id: 7, hash: '0'.repeat(64) } }],
    ['another request', { requestId: 'other' }],
    ['another principal', { principal: { id: 'mallory', source: 'iam' } }],
    ['another principal', { principal: { id: 'officer', source: 'claimed' } }],
    ['another reason', { reason: 'erasure request 18' }],
    ['another time', { erasedAt: '2026-01-31T00:00:01.123456Z' }],
    ['another number of tokens', { erased: [] }],
    ['says erased of t5', { erased: [], missing: [{ token: 't5', why: 'unknown' }] }],
    ['says nothing of t9', { erased: ['t5', 't9'] }],
  ])('finds that %s', (problem, changes) => {
    const problems = compareCertificate({ ...certificate, ...changes }, rows);
    expect(problems.join()).toContain(problem);
  });

  it('compares what was suppressed with rows of their own', () => {
    const suppressed = {
      ...certificate,
      suppressed: true,
      audit: { ...certificate.audit, id: 10 },
    };
    const more = ['t5', 't6', 't7'].map((token, n) =>
      row(8 + n, { token, action: 'suppress', outcome: 'suppressed' }),
    );
    expect(compareCertificate(suppressed, [...rows, ...more])).toEqual([]);
    expect(
      compareCertificate(suppressed, [...rows, ...more.with(1, row(9, { token: 't6' }))]),
    ).toContain('the audit does not say that t6 is suppressed');
    expect(compareCertificate({ ...suppressed, suppressed: false }, [...rows, ...more])).toContain(
      'the audit has another action',
    );
  });

  it('finds a request that was no erasure', () => {
    const revealed = [5, 6, 7].map((id) => row(id, { action: 'reveal' }));
    expect(compareCertificate(certificate, revealed)).toContain('the audit has another action');
  });
});
