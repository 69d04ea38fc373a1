import { defaultProvider } from '@aws-sdk/credential-provider-node';

import { type Signing, signedPost } from '../client/signed-post.ts';
import { localIdentity } from './local-stage.ts';
import type { Stage } from './stage.ts';
import { UserError } from './user-error.ts';

/** Options of every command that calls a signed URL. */
export interface CallerOptions {
  as?: string;
  url?: string;
  reason?: string;
  wait?: true;
}

/** Who calls the vault: the credentials, and the emulator's address where there is one. */
export interface Caller {
  credentials: Signing['credentials'];
  endpoint?: string;
}

/**
 * The caller: on the local stage one of the people that `npm start` made, or the account's root
 * without `--as`; elsewhere the caller's own AWS credentials. Throws `UserError`.
 */
export async function findCaller(
  { local, aws }: Stage,
  { as }: Pick<CallerOptions, 'as'>,
): Promise<Caller> {
  if (local === null) {
    if (as !== undefined) {
      throw new UserError('--as is for the local stage: elsewhere choose yourself by AWS_PROFILE.');
    }
    const endpoint = process.env['AWS_ENDPOINT_URL'];
    return { credentials: defaultProvider(), ...(endpoint ? { endpoint } : {}) };
  }
  if (!local.env['AWS_ENDPOINT_URL']) {
    throw new UserError('The local stack has no URLs: it runs without an AWS emulator.');
  }
  const credentials = as === undefined ? aws.credentials! : await localIdentity(as);
  return { credentials, endpoint: local.env['AWS_ENDPOINT_URL'] };
}

/** The ARN that AWS knows the caller by; null where AWS does not accept the credentials. */
export async function callerArn({ credentials, endpoint }: Caller): Promise<string | null> {
  const region = process.env['AWS_REGION'] || 'us-east-1';
  const suffix = region.startsWith('cn-') ? '.cn' : '';
  const { status, text } = await signedPost(
    new URL('/', endpoint ?? `https://sts.${region}.amazonaws.com${suffix}`),
    'Action=GetCallerIdentity&Version=2011-06-15',
    { service: 'sts', region, credentials },
    { contentType: 'application/x-www-form-urlencoded' },
  );
  return status === 200 ? (/<Arn>(arn:[^<]+)<\/Arn>/.exec(text)?.[1] ?? null) : null;
}
