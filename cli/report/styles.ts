import { readFileSync } from 'node:fs';

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');

/** For what `sections` makes, within the class `report`. */
export const sectionsCss = read('sections.css');

/** For the page around them. */
export const pageCss = read('page.css');
