import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const maxWrong = 10;
const wrongWithinMs = 60_000;

/** The one session of a console: a token in the printed URL, traded once for a cookie. */
export interface Session {
  launchToken: string;
  /** The path that all pages lie under, which keeps the cookie from other servers on this host. */
  base: string;
  /** The cookie's value when the token is right and new; otherwise why not. */
  open: (token: string) => { cookie: string } | { refused: 'wrong' | 'used' | 'too_many' };
  isOpenedBy: (cookie: string | undefined) => boolean;
}

/** Makes a session that nobody has opened yet. `now` is the time in milliseconds. */
export function createSession(now: () => number = Date.now): Session {
  const launchToken = secret(32);
  const cookie = secret(32);
  let isUsed = false;
  let wrongAt: number[] = [];

  return {
    launchToken,
    base: `/${secret(12)}`,
    open: (token) => {
      wrongAt = wrongAt.filter((at) => now() - at < wrongWithinMs);
      if (wrongAt.length >= maxWrong) return { refused: 'too_many' };
      if (!equal(token, launchToken)) {
        wrongAt.push(now());
        return { refused: 'wrong' };
      }
      if (isUsed) return { refused: 'used' };
      isUsed = true;
      return { cookie };
    },
    isOpenedBy: (given) => isUsed && given !== undefined && equal(given, cookie),
  };
}

function secret(bytes: number): string {
  return randomBytes(bytes).toString('base64url');
}

// hashed first, so that the time tells neither length nor place of a difference
function equal(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
