/** What the exit code of every command means; docs/operations.md has the same table. */
export const exitCodes = `Exit codes:
  0    done, and nothing is wrong
  1    something is wrong, or not all was done: the output says what
  2    could not be done: wrong options, no access, or no answer
  130  cancelled with Ctrl-C (143: by SIGTERM); the output says how to go on`;
