import { describe, expect, it } from 'vitest';
import type { EndingSignal } from '../../../src/cli/process-signals.ts';
import { SignalSteps } from '../../../src/cli/signal-steps.ts';

describe('signals to a command that tidies up', () => {
  it('end its work first, and its tidying then; the first decides the exit code', () => {
    let send: (signal: EndingSignal) => void = () => undefined;
    let given = 0;
    const steps = new SignalSteps({
      handleSignals: (listener) => {
        send = listener;
        return () => {
          given += 1;
        };
      },
    });
    const state = () => [steps.work.aborted, steps.tidying.aborted, steps.exitCode];
    expect(state()).toEqual([false, false, undefined]);
    send('SIGTERM');
    expect(state()).toEqual([true, false, 143]);
    send('SIGINT');
    expect(state()).toEqual([true, true, 143]);
    steps.giveBack();
    expect(given).toBe(1);
  });
});
