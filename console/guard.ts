import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { getCookie } from 'hono/cookie';
import { secureHeaders } from 'hono/secure-headers';

import type { Session } from './session.ts';

/** The session's cookie. */
export const cookieName = 'pii_vault_console';

/** Where the printed URL leads. */
export const launchPath = '/launch';

// a hundred values of 256 characters, each of four bytes as a form spells them
const maxBodyBytes = 400 * 1024;

/** On every answer, refusals included. */
export const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'"],
    formAction: ["'self'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
    requireTrustedTypesFor: ["'script'"],
  },
  // with no-referrer, browsers would send forms with the origin null
  referrerPolicy: 'same-origin',
  xFrameOptions: 'DENY',
  // the page has no TLS
  strictTransportSecurity: false,
});

/** Nothing of a page is kept, by the browser or on the way. */
export const noStore: MiddlewareHandler = async (context, next) => {
  await next();
  context.header('Cache-Control', 'no-store');
};

/**
 * Refuses a request whose `Host` is not the address that was printed, as when another site's name
 * is made to resolve to 127.0.0.1 (DNS rebinding); any method but GET, HEAD and POST; and a POST
 * that does not come from a page of this console. `origin` is asked at each request.
 */
export function sameOriginOnly(origin: () => string): MiddlewareHandler {
  return async (context, next) => {
    // the request line may name another host than the header
    const isAddressed = [`http://${context.req.header('host')}/`, context.req.url].every((url) =>
      url.startsWith(`${origin()}/`),
    );
    if (!isAddressed) {
      return context.text('This is not the address of the console.', 421);
    }
    const { method } = context.req;
    if (!['GET', 'HEAD', 'POST'].includes(method)) {
      return context.text('Only GET and POST are understood.', 405, { allow: 'GET, HEAD, POST' });
    }
    if (method === 'POST' && context.req.header('origin') !== origin()) {
      return context.text('The form was not sent from a page of the console.', 403);
    }
    return next();
  };
}

/** Refuses everything but the launch without the session's cookie. */
export function sessionOnly(session: Session): MiddlewareHandler {
  return async (context, next) => {
    const isLaunch = context.req.path === launchPath && context.req.method === 'GET';
    if (!isLaunch && !session.isOpenedBy(getCookie(context, cookieName))) {
      return context.text(
        'The console is opened by the address that the command printed, in one browser.',
        403,
      );
    }
    return next();
  };
}

/** Refuses a body that is large, or that no form sends. */
export const smallFormsOnly: MiddlewareHandler[] = [
  async (context, next) => {
    const type = context.req.header('content-type') ?? '';
    const isForm = /^application\/x-www-form-urlencoded(;|$)/i.test(type);
    if (context.req.method === 'POST' && !isForm) {
      return context.text('A form is expected.', 415);
    }
    return next();
  },
  bodyLimit({
    maxSize: maxBodyBytes,
    onError: (context) => context.text('The form is too large.', 413),
  }),
];
