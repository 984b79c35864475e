/** A node that was marked, and when, on a monotonic clock. */
export interface Mark {
  readonly nodeId: string;
  readonly atMs: number;
}

/** At least so many nodes may be marked within a window, so that a small cluster is not held up. */
const marksMin = 4;

/** What share of the nodes may be marked within a window. */
const marksShare = 0.1;

/** How many nodes of a cluster of `nodeCount` may be marked within one window. */
export function marksMaxOf(nodeCount: number): number {
  return Math.max(marksMin, Math.ceil(nodeCount * marksShare));
}

/**
 * Those of `wanted` that may be marked now, in the same order, and the marks of the window that ends
 * now. Within any window of `windowMs` at most `marksMax` different nodes are let through; a node
 * that is asked for again keeps its mark, for its command may have failed.
 */
export function limitMarks<Wanted extends { readonly nodeId: string }>(
  marks: readonly Mark[],
  wanted: readonly Wanted[],
  limit: { readonly nowMs: number; readonly windowMs: number; readonly marksMax: number },
): { readonly marks: readonly Mark[]; readonly allowed: readonly Wanted[] } {
  const { nowMs, windowMs, marksMax } = limit;
  const byNode = new Map(marks.filter(({ atMs }) => nowMs - atMs < windowMs).map((mark) => [mark.nodeId, mark]));
  const allowed = wanted.filter(({ nodeId }) => {
    if (!byNode.has(nodeId) && byNode.size >= marksMax) return false;
    byNode.set(nodeId, { nodeId, atMs: nowMs });
    return true;
  });
  return { marks: [...byNode.values()], allowed };
}
