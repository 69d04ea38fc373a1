/** The folder of the `.sql` files; the path is the same from functions/ in the bundle and from db/ in the sources. */
export const sqlFolder = new URL('../db/', import.meta.url);
