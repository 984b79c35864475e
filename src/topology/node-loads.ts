/** A node that can take a share of something. */
export interface Sharer {
  readonly id: string;
  /** Its part relative to the others'. */
  readonly weight: number;
}

/**
 * How much each node has of what is shared out, beside what it should have. Nodes without a share may hold some all
 * the same, as those that are being emptied do: then all of it is in excess.
 */
export class NodeLoads {
  readonly #shares: ReadonlyMap<string, number>;
  readonly #counts = new Map<string, number>();

  /** `total` in all, of which one node can have `each` at most. */
  constructor(total: number, each: number, sharers: readonly Sharer[]) {
    this.#shares = fairShares(total, each, sharers);
  }

  count(nodeId: string): number {
    return this.#counts.get(nodeId) ?? 0;
  }

  add(nodeId: string, change = 1): void {
    this.#counts.set(nodeId, this.count(nodeId) + change);
  }

  /** What the node has above its fair share; below 0 when it has room. */
  excess(nodeId: string): number {
    return this.count(nodeId) - (this.#shares.get(nodeId) ?? 0);
  }
}

/** By weight; what a node cannot take because it has `each` already goes to the others. */
function fairShares(total: number, each: number, sharers: readonly Sharer[]): ReadonlyMap<string, number> {
  const shares = new Map<string, number>();
  let open = sharers;
  let left = total;
  while (open.length > 0) {
    const weight = open.reduce((sum, sharer) => sum + sharer.weight, 0);
    const full = open.filter((sharer) => (left * sharer.weight) / weight >= each);
    for (const { id } of full) shares.set(id, each);
    if (full.length === 0) {
      for (const sharer of open) shares.set(sharer.id, (left * sharer.weight) / weight);
      return shares;
    }
    open = open.filter(({ id }) => !shares.has(id));
    left = Math.max(0, left - each * full.length);
  }
  return shares;
}
