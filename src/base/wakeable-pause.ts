import type { Clock } from './clock.ts';

/**
 * The pause of a loop that can be cut short. A wake-up that comes while the loop works counts for
 * its next pause, unless the loop has rearmed since. For one waiter at a time.
 */
export class WakeablePause {
  readonly #clock: Clock;
  #isAwake = false;
  #wake: () => void = () => undefined;

  constructor(modules: { readonly clock: Clock }) {
    this.#clock = modules.clock;
  }

  /** Ends the pause under way, or the next one. */
  wake(): void {
    this.#isAwake = true;
    this.#wake();
  }

  /** What has woken it so far is being seen to. */
  rearm(): void {
    this.#isAwake = false;
  }

  /** Resolves after `pauseMs`, when it is woken, or when the signal aborts. */
  async wait(pauseMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#isAwake || pauseMs <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = () => resolve();
    this.#wake = end;
    const timer = this.#clock.after(pauseMs, end);
    signal.addEventListener('abort', end, { once: true });
    await promise;
    timer.cancel();
    signal.removeEventListener('abort', end);
    this.#wake = () => undefined;
  }
}
