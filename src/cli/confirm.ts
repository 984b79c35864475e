import { createInterface } from 'node:readline';
import { StratumError } from '../base/errors.ts';
import type { CommandIo } from './io.ts';

/** How a change is confirmed. */
export interface ConfirmOptions {
  /** --yes was given. */
  readonly yes: boolean;
}

/**
 * Asks before a change, on stderr. CONFIRMATION_REQUIRED when the answer is no, and without a
 * terminal to ask on; CANCELLED when the answer is an interruption.
 */
export async function confirm(question: string, options: ConfirmOptions, io: CommandIo): Promise<void> {
  if (options.yes) return;
  if (!io.stdinIsTerminal || !io.stderrIsTerminal) {
    throw new StratumError('CONFIRMATION_REQUIRED', `not confirmed: ${question}`, undefined, {
      hint: 'there is no terminal to ask on; --yes confirms',
    });
  }
  const answer = await ask(`${question} [y/N] `, io);
  if (/^y(es)?$/i.test(answer.trim())) return;
  throw new StratumError('CONFIRMATION_REQUIRED', 'nothing was changed', undefined, { hint: 'answer y, or use --yes' });
}

/**
 * Asks before a change that cannot simply be taken back: whoever wants it types `name`, or gives it with --confirm.
 * CONFIRMATION_REQUIRED for anything else.
 */
export async function confirmByName(
  question: string,
  name: string,
  options: { readonly confirm?: string | undefined },
  io: CommandIo,
): Promise<void> {
  const required = (message: string, hint: string) =>
    new StratumError('CONFIRMATION_REQUIRED', message, undefined, { hint });
  if (options.confirm !== undefined) {
    if (options.confirm === name) return;
    throw required(`--confirm says "${options.confirm}", but this is about ${name}`, `--confirm ${name} confirms`);
  }
  if (!io.stdinIsTerminal || !io.stderrIsTerminal) {
    throw required(`not confirmed: ${question}`, `there is no terminal to ask on; --confirm ${name} confirms`);
  }
  const answer = await ask(`${question} Type ${name} to confirm: `, io);
  if (answer.trim() !== name) throw required('nothing was changed', `type ${name}, or use --confirm ${name}`);
}

function ask(prompt: string, io: CommandIo): Promise<string> {
  const lines = createInterface({ input: io.stdin, output: io.stderr });
  return new Promise<string>((resolve, reject) => {
    const stop = () => {
      // First, because closing answers as well.
      reject(io.interrupted.reason);
      lines.close();
    };
    io.interrupted.addEventListener('abort', stop, { once: true });
    // While it asks the terminal sends Ctrl-C as a key, not as a signal.
    lines.once('SIGINT', () => {
      io.interrupted.removeEventListener('abort', stop);
      reject(new StratumError('CANCELLED', 'interrupted: nothing was changed'));
      lines.close();
      // The cursor stands behind the question.
      io.stderr.write('\n');
    });
    // The end of the input is an answer as well: no.
    lines.once('close', () => resolve(''));
    lines.question(prompt, (answer) => {
      io.interrupted.removeEventListener('abort', stop);
      resolve(answer);
      lines.close();
    });
  });
}
