/** A token that was asked for under its name of before the token key was replaced, and its present name. */
export interface Renamed {
  token: string;
  currentToken: string;
}

/** The tokens of an answer whose present names are others; an empty object if there are none. */
export function renamedOf(names: ReadonlyMap<string, string>): { renamed?: Renamed[] } {
  const renamed = [...names].flatMap(([token, currentToken]) =>
    token === currentToken ? [] : [{ token, currentToken }],
  );
  return renamed.length === 0 ? {} : { renamed };
}
