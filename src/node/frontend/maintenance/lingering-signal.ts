import type { Clock, Timer } from '../../../base/clock.ts';

/** A signal that must be ended when nobody listens to it any more. */
export interface LingeringSignal {
  readonly signal: AbortSignal;
  end(): void;
}

/** Aborts as another signal does, but `graceMs` later: for calls that are to be brought to their end if that is soon. */
export function lingeringSignal(
  first: AbortSignal,
  { graceMs }: { readonly graceMs: number },
  { clock }: { readonly clock: Clock },
): LingeringSignal {
  const later = new AbortController();
  let timer: Timer | undefined;
  const onAbort = () => {
    timer = clock.after(graceMs, () => later.abort(first.reason));
  };
  if (first.aborted) onAbort();
  else first.addEventListener('abort', onAbort, { once: true });
  return {
    signal: later.signal,
    end: () => {
      first.removeEventListener('abort', onAbort);
      timer?.cancel();
    },
  };
}
