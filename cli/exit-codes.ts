/** What the exit code of every command means; docs/operations.md has the same table. */
export const exitCodes = `Exit codes:
  0    done, and nothing is wrong
  1    something is wrong, missing, or not done: the output says what
  2    could not be done: wrong options, no access, no answer, or a broken seal
  3    the vault's URL refused: you may not call it, a limit is reached, or an approval is needed
  130  cancelled with Ctrl-C (143: by SIGTERM); the output says how to go on`;
