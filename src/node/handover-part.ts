import type { Clock } from '../base/clock.ts';
import type { Part } from '../base/lifecycle.ts';

/** A coordinator hands a stopping node's partitions over at once; when none does, the others find out by themselves. */
const handoverTimeoutMs = 5_000;

/** Lets a process that ends wait until others have taken over what it is the primary of: no request has to fail for a restart. */
export function handoverPart(
  node: { handedOver(signal: AbortSignal): Promise<void> },
  { clock }: { readonly clock: Clock },
): Part {
  return {
    name: 'handover',
    stop: async () => {
      const controller = new AbortController();
      const timer = clock.after(handoverTimeoutMs, () => controller.abort());
      await node.handedOver(controller.signal);
      timer.cancel();
    },
  };
}
