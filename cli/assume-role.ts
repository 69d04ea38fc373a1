import { type Credentials, signedPost } from '../client/signed-post.ts';
import { type Caller, callerArn } from './caller.ts';
import { UserError } from './user-error.ts';

const seconds = 3600;
const renewMs = 5 * 60_000;

/** Credentials of a role, which are renewed before they expire. */
export interface AssumedRole {
  credentials: () => Promise<Credentials & { expiration: Date }>;
  /** The ARN that AWS knows the caller by in this role. */
  arn: string;
}

/** Takes on the role, in a session with the caller's own name. Throws `UserError`. */
export async function assumeRole(caller: Caller, role: string): Promise<AssumedRole> {
  const who = await callerArn(caller);
  if (who === null) throw new UserError('AWS does not accept your credentials.');
  const session = who
    .split('/')
    .at(-1)!
    .replaceAll(/[^\w+=,.@-]/g, '-')
    .padEnd(2, '-')
    .slice(0, 64);
  const first = await assume(caller, role, session);
  let { answer } = first;
  return {
    arn: first.arn,
    credentials: async () => {
      if (answer.expiration.getTime() - Date.now() < renewMs) {
        ({ answer } = await assume(caller, role, session));
      }
      return answer;
    },
  };
}

async function assume({ credentials, endpoint }: Caller, role: string, session: string) {
  // oxlint-disable-next-line node/no-process-env -- where the SDK's clients find their region, too
  const region = process.env['AWS_REGION'] || 'us-east-1';
  const suffix = region.startsWith('cn-') ? '.cn' : '';
  const { status, text } = await signedPost(
    new URL('/', endpoint ?? `https://sts.${region}.amazonaws.com${suffix}`),
    new URLSearchParams({
      Action: 'AssumeRole',
      Version: '2011-06-15',
      RoleArn: role,
      RoleSessionName: session,
      DurationSeconds: String(seconds),
    }).toString(),
    { service: 'sts', region, credentials },
    { contentType: 'application/x-www-form-urlencoded' },
  );
  const of = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1] ?? '';
  if (status !== 200) {
    throw new UserError(
      `Access denied: AWS does not let you take on the role ${role} (${of('Code') || status}). ` +
        'You need sts:AssumeRole on it.',
    );
  }
  return {
    arn: of('Arn'),
    answer: {
      accessKeyId: of('AccessKeyId'),
      secretAccessKey: of('SecretAccessKey'),
      sessionToken: of('SessionToken'),
      expiration: new Date(of('Expiration')),
    },
  };
}
