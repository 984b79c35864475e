import { StratumError } from '../../src/base/errors.ts';
import type { Oid } from '../../src/base/oid.ts';
import type { NodeDirectory } from '../../src/replication/node-directory.ts';
import type { NodeReader, NodeWriter } from '../../src/replication/node-io.ts';
import type { ChaosBlob } from './chaos-blob.ts';

/** Stands before the nodes and remembers which of them has said of which blob that it is durable there. */
export class WatchedNodes implements NodeDirectory {
  readonly #nodes: NodeDirectory;
  readonly #blobs: ReadonlyMap<Oid, ChaosBlob>;
  readonly #underWay = new Map<string, number>();

  constructor(modules: { readonly nodes: NodeDirectory; readonly blobs: ReadonlyMap<Oid, ChaosBlob> }) {
    this.#nodes = modules.nodes;
    this.#blobs = modules.blobs;
  }

  /** Calls that write to a node and have not ended. */
  underWay(nodeId: string): number {
    return this.#underWay.get(nodeId) ?? 0;
  }

  reader(nodeId: string): NodeReader | undefined {
    return this.#nodes.reader(nodeId);
  }

  writer(nodeId: string): NodeWriter | undefined {
    const writer = this.#nodes.writer(nodeId);
    if (writer === undefined) return undefined;
    return {
      nodeId,
      endpoint: writer.endpoint,
      put: (source, fence, options) =>
        this.#watched(nodeId, async () => {
          const fate = await writer.put(source, fence, options);
          this.#blobs.get(source.oid)?.holders.add(nodeId);
          return fate;
        }),
      putMany: (blobs, fence, options) =>
        this.#watched(nodeId, async () => {
          const fates = await writer.putMany(blobs, fence, options);
          for (const [index, { oid }] of blobs.entries()) {
            const fate = fates[index];
            if (fate !== undefined && !(fate instanceof StratumError)) this.#blobs.get(oid)?.holders.add(nodeId);
          }
          return fates;
        }),
    };
  }

  async #watched<T>(nodeId: string, call: () => Promise<T>): Promise<T> {
    this.#underWay.set(nodeId, this.underWay(nodeId) + 1);
    try {
      return await call();
    } finally {
      this.#underWay.set(nodeId, this.underWay(nodeId) - 1);
    }
  }
}
