import type { Writable } from 'node:stream';
import { systemCode } from '../base/errors.ts';

/**
 * Makes this the only answer to errors of the process's own output. A reader that went away
 * (`stratum … | head`) ends it quietly; any other error reaches whoever was writing, who reports it. A
 * listener that a library added, and that would throw, is taken away.
 */
export function answerOutputErrors(
  { stdout, stderr }: { readonly stdout: Writable; readonly stderr: Writable },
  end: (exitCode: number) => void,
): void {
  stdout.removeAllListeners('error').on('error', (error: Error) => {
    if (systemCode(error) === 'EPIPE') end(0);
  });
  stderr.on('error', () => undefined); // There is nowhere left to complain.
}
