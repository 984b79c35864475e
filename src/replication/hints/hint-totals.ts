/** How many hints there are, and the bytes of their blobs: of each node, and of all. Reckoned in memory. */
export class HintTotals {
  readonly #counts: Map<string, number>;
  #count: number;
  #bytes: number;

  constructor(from?: HintTotals) {
    this.#counts = new Map(from === undefined ? [] : from.#counts);
    this.#count = from?.count ?? 0;
    this.#bytes = from?.bytes ?? 0;
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes that would be sent. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Nodes with hints. */
  nodeIds(): string[] {
    return [...this.#counts.keys()];
  }

  /** Hints of one node. */
  countOf(nodeId: string): number {
    return this.#counts.get(nodeId) ?? 0;
  }

  add({ nodeId, size }: { readonly nodeId: string; readonly size: number }): void {
    this.#counts.set(nodeId, (this.#counts.get(nodeId) ?? 0) + 1);
    this.#count += 1;
    this.#bytes += size;
  }

  remove({ nodeId, size }: { readonly nodeId: string; readonly size: number }): void {
    const left = (this.#counts.get(nodeId) ?? 0) - 1;
    if (left > 0) this.#counts.set(nodeId, left);
    else this.#counts.delete(nodeId);
    this.#count -= 1;
    this.#bytes -= size;
  }
}
