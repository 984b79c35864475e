/** Above what rounding makes of fractions. */
const roundingMax = 1e-6;

/**
 * The first of the candidates by these numbers, the lowest first, each deciding where the ones before are equal; undefined
 * of none. A number is asked for once for each candidate, and only where it decides: the last ones may be dear.
 */
export function bestOf<Candidate>(
  candidates: Iterable<Candidate>,
  ...by: readonly ((candidate: Candidate) => number)[]
): Candidate | undefined {
  let best: Ranked<Candidate> | undefined;
  for (const candidate of candidates) {
    const ranked = { candidate, numbers: [] };
    if (best === undefined || isBefore(ranked, best, by)) best = ranked;
  }
  return best?.candidate;
}

interface Ranked<Candidate> {
  readonly candidate: Candidate;
  /** As far as they have been asked for. */
  readonly numbers: number[];
}

function isBefore<Candidate>(
  left: Ranked<Candidate>,
  right: Ranked<Candidate>,
  by: readonly ((candidate: Candidate) => number)[],
): boolean {
  for (const [index, number] of by.entries()) {
    left.numbers[index] ??= number(left.candidate);
    right.numbers[index] ??= number(right.candidate);
    const difference = left.numbers[index] - right.numbers[index];
    if (Math.abs(difference) > roundingMax) return difference < 0;
  }
  return false;
}
