/** The first index in [from, count) of which the predicate holds, `count` when there is none; once it holds it holds of all that follow. */
export function firstIndex(from: number, count: number, holds: (index: number) => boolean): number {
  let low = from;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
