/** Notes on what containers work on: a container that is killed leaves its note, and others read it. */
export interface Attempts {
  /** Notes that these messages are worked on from now on, by their ids. Returns the note's id. */
  begin: (messageIds: readonly string[]) => Promise<string>;
  /** Removes the note: the container outlived the attempt. */
  end: (id: string) => Promise<void>;
  /** Of these messages, those with a note of the last day, and how many name only that message. */
  unended: (messageIds: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  /** Removes the notes that name only this message. */
  forget: (messageId: string) => Promise<void>;
}
