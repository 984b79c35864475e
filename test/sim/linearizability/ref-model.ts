import type { SequentialModel } from './check-linearizable.ts';
import { noValue } from './repository-model.ts';

/** What is done to one ref. */
export type RefInput =
  | { readonly kind: 'read' }
  /** Sets it to `newId` if it is at `oldId`; `noValue` stands for "is not there". */
  | { readonly kind: 'swap'; readonly oldId: string; readonly newId: string };

/** What a read saw; whether a swap was done or found another value. */
export type RefOutput =
  | { readonly kind: 'value'; readonly id: string }
  | { readonly kind: 'swapped'; readonly isDone: boolean };

/** One ref: a register with compare-and-swap. */
export const refModel: SequentialModel<RefInput, RefOutput, string> = {
  initial: noValue,
  key: (id) => id,
  step: (id, input, output) => {
    if (input.kind === 'read') return output?.kind === 'value' && output.id !== id ? undefined : id;
    const isDone = input.oldId === id;
    if (output?.kind === 'swapped' && output.isDone !== isDone) return undefined;
    return isDone ? input.newId : id;
  },
};
