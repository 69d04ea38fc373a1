import { readFile } from 'node:fs/promises';

import * as z from 'zod/mini';

import type { EraseCertificate } from '../lib/requests/erase.ts';
import { exists, writePrivateFile } from './private-file.ts';
import { fileProblem, UserError } from './user-error.ts';

const certificate = z.object({
  requestId: z.string(),
  principal: z.object({ id: z.string(), source: z.enum(['iam', 'claimed']) }),
  reason: z.string(),
  erased: z.array(z.string()),
  missing: z.array(
    z.object({ token: z.string(), why: z.enum(['unknown', 'erased', 'expired', 'suppressed']) }),
  ),
  // certificates of 0.2.0 have no such field
  suppressed: z.optional(z.boolean()),
  renamed: z.optional(z.array(z.object({ token: z.string(), currentToken: z.string() }))),
  erasedAt: z.string(),
  audit: z.object({
    id: z.number().check(z.int(), z.positive()),
    hash: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  }),
});

const file = z.union([certificate, z.array(certificate)]);

/** Reads one certificate, or a list of them. Throws `UserError`. */
export async function readCertificates(path: string): Promise<EraseCertificate[]> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    const problem = error instanceof SyntaxError ? 'it is not JSON' : fileProblem(error);
    throw new UserError(`${path} cannot be read: ${problem}.`);
  }
  const read = file.safeParse(parsed);
  if (!read.success) throw new UserError(`${path} holds no certificate of an erasure.`);
  const certificates = Array.isArray(read.data) ? read.data : [read.data];
  return certificates.map((each) => Object.assign(each, { suppressed: each.suppressed === true }));
}

/** The certificates of an earlier run, none where there was no such run. Throws `UserError`. */
export async function earlierCertificates(
  path: string,
  resume: boolean,
): Promise<EraseCertificate[]> {
  if (!(await exists(path))) {
    // before anything is erased: a certificate that cannot be kept is lost
    await writeCertificates(path, []);
    return [];
  }
  if (resume) return readCertificates(path);
  throw new UserError(
    `${path} exists already: add --resume to go on after it, or choose another --out.`,
  );
}

/** Writes all certificates, whole or not at all, for this user only. Throws `UserError`. */
export function writeCertificates(
  path: string,
  certificates: readonly EraseCertificate[],
): Promise<void> {
  return writePrivateFile(path, `${JSON.stringify(certificates, null, 2)}\n`);
}
