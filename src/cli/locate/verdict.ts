import type { Replica } from './replica.ts';

/** Whether a blob's copies suffice; "unknown" when too few nodes answered to say, "" when none was asked. */
export type Verdict = 'ok' | 'degraded' | 'below-w' | 'lost' | 'unknown' | '';

/** Exit codes of the contract, mildest first: degraded, cannot be determined, below quorum or lost. */
const exitCodes: Readonly<Record<Verdict, number>> = { '': 0, ok: 0, degraded: 5, unknown: 7, 'below-w': 6, lost: 6 };
const bySeverity = [0, 5, 7, 6];

/**
 * The verdict on the copies of one blob. Corrupt and missing copies are certain; a node that did
 * not answer, or cannot say, may hold one, so it counts for neither side.
 */
export function verdictOf(replicas: readonly Replica[], needed: { wanted: number; quorum: number }): Verdict {
  if (replicas.every(({ presence }) => presence === '')) return '';
  const there = replicas.filter(({ presence }) => presence === 'present').length;
  const uncertain = replicas.filter(({ presence }) => presence === 'unreachable' || presence === 'unknown').length;
  if (there >= needed.wanted) return 'ok';
  if (there >= needed.quorum) return 'degraded';
  // Were the silent ones to hold it, it would be safe: nobody knows.
  if (there + uncertain >= needed.quorum) return 'unknown';
  return there + uncertain > 0 ? 'below-w' : 'lost';
}

/** Counts verdicts, for the exit code that is that of the worst. */
export class VerdictTally {
  #count = 0;
  #exitCode = 0;

  add(verdict: Verdict): void {
    this.#count += 1;
    const code = exitCodes[verdict];
    if (bySeverity.indexOf(code) > bySeverity.indexOf(this.#exitCode)) this.#exitCode = code;
  }

  get count(): number {
    return this.#count;
  }

  get exitCode(): number {
    return this.#exitCode;
  }
}

/** The same items, with their verdicts counted as they pass. */
export async function* tallied<Item extends { readonly verdict: Verdict }>(
  found: AsyncIterable<readonly Item[]>,
  verdicts: VerdictTally,
): AsyncGenerator<readonly Item[]> {
  for await (const items of found) {
    for (const { verdict } of items) verdicts.add(verdict);
    yield items;
  }
}
