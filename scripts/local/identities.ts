import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { type Credentials, signedPost } from '../../client/signed-post.ts';
import { UserError } from '../../cli/user-error.ts';
import { localAws, type Settings } from './settings.ts';
import { stackOutputs } from './stack-outputs.ts';
import { writePrivately } from './state.ts';

/** The people of the local stage: IAM users, and the output that names the policy of each. */
const policies = {
  investigator: 'RevealerPolicyArn',
  'privacy-officer': 'EraserPolicyArn',
  analyst: 'FinderPolicyArn',
  approver: 'ApproverPolicyArn',
  'on-call': 'BreakGlassPolicyArn',
} as const;

export type Person = keyof typeof policies;

/** Those who are there only where large reveals need an approval. */
type ForApprovals = 'approver' | 'on-call';

/** The access keys of these people. */
export type Identities = Readonly<
  Record<Exclude<Person, ForApprovals>, Credentials> & Partial<Record<ForApprovals, Credentials>>
>;

const people = Object.keys(policies) as Person[];
const file = 'identities.json';

/**
 * Makes the people in the emulator's IAM, each with one managed policy and an access key, and
 * writes `.local/identities.json`, and `.local/NAME.curl`, by which curl signs as that person.
 * Those who are there keep their keys. Throws `UserError`.
 */
export async function makeIdentities(settings: Settings): Promise<Identities> {
  const outputs = await stackOutputs(settings);
  const known = await readIdentities(settings);
  const made: Partial<Record<Person, Credentials>> = {};
  for (const person of people) {
    const policy = outputs.get(policies[person]);
    // a stage without approvals has no policy for some
    if (policy !== undefined) {
      made[person] = await makePerson(settings, person, policy, known?.[person]);
    }
  }
  const identities = made as Identities;
  await writePrivately(settings, file, `${JSON.stringify(identities, null, 2)}\n`);
  for (const person of people) {
    const credentials = identities[person];
    if (credentials !== undefined) {
      await writePrivately(settings, curlFile(person), curlConfig(credentials));
    }
  }
  return identities;
}

/** The file of curl's options by which it signs as that person. */
export function curlFile(person: Person): string {
  return `${person}.curl`;
}

/** Removes what `makeIdentities` wrote. */
export async function removeIdentities({ directory }: Settings): Promise<void> {
  for (const name of [file, ...people.map(curlFile)]) {
    await rm(join(directory, name), { force: true });
  }
}

async function readIdentities({ directory }: Settings): Promise<Identities | null> {
  try {
    return JSON.parse(await readFile(join(directory, file), 'utf8')) as Identities;
  } catch {
    return null;
  }
}

async function makePerson(
  settings: Settings,
  person: Person,
  policy: string,
  known: Credentials | undefined,
): Promise<Credentials> {
  const user = { UserName: person };
  // an earlier start may have made the user
  await iam(settings, { Action: 'CreateUser', ...user }).catch(() => undefined);
  const keys = await iam(settings, { Action: 'ListAccessKeys', ...user });
  await iam(settings, { Action: 'AttachUserPolicy', ...user, PolicyArn: policy });
  if (known !== undefined && keys.includes(known.accessKeyId)) return known;
  const key = await iam(settings, { Action: 'CreateAccessKey', ...user });
  const [, accessKeyId] = /<AccessKeyId>(.+?)</.exec(key) ?? [];
  const [, secretAccessKey] = /<SecretAccessKey>(.+?)</.exec(key) ?? [];
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new UserError(`The emulator gave ${person} no access key`);
  }
  return { accessKeyId, secretAccessKey };
}

async function iam({ endpoint }: Settings, parameters: Record<string, string>): Promise<string> {
  const { status, text } = await signedPost(
    new URL('/', endpoint),
    new URLSearchParams({ Version: '2010-05-08', ...parameters }).toString(),
    { service: 'iam', ...localAws },
    { contentType: 'application/x-www-form-urlencoded' },
  );
  // an answer may hold a key
  if (status !== 200) throw new UserError(`IAM refused ${parameters['Action']}: status ${status}`);
  return text;
}

function curlConfig({ accessKeyId, secretAccessKey }: Credentials): string {
  return `aws-sigv4 = "aws:amz:${localAws.region}:lambda"\nuser = "${accessKeyId}:${secretAccessKey}"\nsilent\nshow-error\n`;
}
