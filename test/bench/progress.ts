// What is going on, on stderr: one line that is rewritten on a terminal, a line for each step elsewhere.

const CLEAR_LINE = "\r\x1b[2K";

/** Shows a step; undefined when there are no more. */
export function progress(step: string | undefined): void {
  const { stderr } = process;
  if (stderr.isTTY) stderr.write(step === undefined ? CLEAR_LINE : `${CLEAR_LINE}${step}`);
  else if (step !== undefined) stderr.write(`${step}\n`);
}
