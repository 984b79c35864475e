/** The smaller of two; `Math.min` takes no bigint. */
export function smallerOf(left: bigint, right: bigint): bigint {
  if (left <= right) return left;
  return right;
}

/** The larger of two. */
export function largerOf(left: bigint, right: bigint): bigint {
  if (left >= right) return left;
  return right;
}
