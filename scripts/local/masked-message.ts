const hidden = '•••';
const maxLength = 160;
const maxEntries = 5;

/**
 * A message as it may be shown: its structure and the names of its fields, no value of it. A name
 * that does not look like one could be a value and is hidden too.
 */
export function maskedMessage(body: string): string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return `${hidden} (not JSON, ${body.length} characters)`;
  }
  const text = JSON.stringify(masked(value));
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}…`;
}

function masked(value: unknown): unknown {
  if (value === null) return null;
  if (typeof value !== 'object') return hidden;
  if (Array.isArray(value)) {
    const entries = value.slice(0, maxEntries).map(masked);
    return value.length > maxEntries ? [...entries, '…'] : entries;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [maskedName(name), masked(entry)]),
  );
}

function maskedName(name: string): string {
  return /^[A-Za-z_]{1,40}$/.test(name) ? name : hidden;
}
