import type { html } from 'hono/html';

/** A piece of a page, in which everything that was put in is escaped. */
export type Html = ReturnType<typeof html>;
