import type { Unreachable } from '../output/envelope.ts';
import type { Location } from './locate.ts';

/** Which nodes did not answer, gathered from what is found as it passes. */
export class UnreachableReplicas {
  readonly #reasons = new Map<string, string>();

  add({ node, reason }: Unreachable): void {
    this.#reasons.set(node, reason);
  }

  /** Adds the nodes that did not say what they hold. */
  note(locations: readonly Location[]): void {
    for (const { replicas } of locations) {
      for (const { nodeId, presence, error } of replicas) {
        if (presence === 'unreachable') this.add({ node: nodeId, reason: error });
      }
    }
  }

  /** The same locations. */
  async *watch<Item extends Location>(found: AsyncIterable<readonly Item[]>): AsyncGenerator<readonly Item[]> {
    for await (const locations of found) {
      this.note(locations);
      yield locations;
    }
  }

  list(): readonly Unreachable[] {
    return [...this.#reasons].map(([node, reason]) => ({ node, reason }));
  }
}
