import type { SequentialModel } from './check-linearizable.ts';
import type { History } from './history.ts';

/** Tries every order of every selection of the operations of unknown outcome: right by its looks, for a handful of operations. */
export function isLinearizableByBruteForce<Input, Output, State>(
  model: SequentialModel<Input, Output, State>,
  history: History<Input, Output>,
): boolean {
  const extend = (state: State, left: History<Input, Output>): boolean => {
    if (left.every(({ output }) => output === undefined)) return true;
    return left.some((operation) => {
      const mustWait = left.some((other) => other.output !== undefined && other.returnedAt < operation.invokedAt);
      if (mustWait) return false;
      const after = model.step(state, operation.input, operation.output);
      return (
        after !== undefined &&
        extend(
          after,
          left.filter((other) => other !== operation),
        )
      );
    });
  };
  return extend(model.initial, history);
}
