/** Holds the `.sql` files: from functions/ in the deployed bundle and from db/ in the sources this is the same folder. */
export const sqlFolder = new URL('../db/', import.meta.url);
