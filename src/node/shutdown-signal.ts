import { Socket } from 'node:net';
import type { Logger } from '../base/log.ts';

/** Exit codes of a process that a second signal ended, as shells report them. */
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Aborts on the first SIGTERM or SIGINT, and with `withParent` also when standard input ends: a
 * supervisor holds its other end, and however the supervisor dies, the system closes it. A second
 * signal ends the process at once.
 */
export function shutdownSignal(
  options: { readonly withParent: boolean },
  modules: { readonly log: Logger },
): AbortSignal {
  const { log } = modules;
  const controller = new AbortController();
  const begin = (reason: string) => {
    log.info({ reason }, 'stopping');
    controller.abort(reason);
  };
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (!controller.signal.aborted) {
        begin(name);
        return;
      }
      log.warn({ reason: name }, 'ended at once by a second signal');
      process.exit(exitCodes[name]);
    });
  }
  if (options.withParent) {
    const onEnd = () => {
      if (!controller.signal.aborted) begin('standard input ended');
    };
    const { stdin } = process;
    stdin.on('end', onEnd).on('error', onEnd).resume();
    // Waiting for the end of input alone does not keep a stopped process alive. A file (/dev/null) has no such method.
    if (stdin instanceof Socket) stdin.unref();
  }
  return controller.signal;
}
