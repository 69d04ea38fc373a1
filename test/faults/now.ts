/** Where a storm is: its loop moves this on, all others read it. */
export interface Now {
  round: number;
  /** Whether anything fails; at the end nothing does any more. */
  isStorm: boolean;
  /** The hours that have passed. */
  clock: number;
}
