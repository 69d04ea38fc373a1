/** Fields of a form that a browser sent; a field that is missing or a file is empty. */
export interface Fields {
  text: (name: string) => string;
  all: (name: string) => string[];
}

/** Reads a form's body, `application/x-www-form-urlencoded`. */
export function readFields(body: string): Fields {
  const parameters = new URLSearchParams(body);
  return {
    text: (name) => parameters.get(name) ?? '',
    all: (name) => parameters.getAll(name),
  };
}

/** A line of a text area, counted from 1. */
export interface EnteredLine {
  line: number;
  text: string;
}

/** The lines of a text area that hold anything, as they are. */
export function enteredLines(text: string): EnteredLine[] {
  return text
    .split(/\r\n|\r|\n/)
    .map((entered, index) => ({ line: index + 1, text: entered }))
    .filter((entered) => entered.text.trim() !== '');
}
