import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { StratumError, systemCode } from '../base/errors.ts';
import { Topology as TopologyMessage } from '../rpc/gen/stratum/v1/types.ts';
import { decodeTopology, encodeTopology } from '../rpc/topology-codec.ts';
import { writeFileDurably } from '../store/durable-file.ts';
import type { Topology } from '../topology/topology.ts';

/** First byte of the file; then the SHA-256 of the rest, then the topology in the protocol's encoding. */
const formatVersion = 1;
const hashBytes = 32;

/** A file with the last topology that a node has seen, so that it can start while no coordinator answers. */
export class TopologyCache {
  readonly #path: string;

  constructor(options: { readonly path: string }) {
    this.#path = options.path;
  }

  /** Undefined when there is no file; DATA_CORRUPT when it is not what was written. */
  async load(): Promise<Topology | undefined> {
    const bytes = await readFile(this.#path).catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (bytes === undefined) return undefined;
    const body = bytes.subarray(1 + hashBytes);
    if (bytes[0] !== formatVersion || !sha256(body).equals(bytes.subarray(1, 1 + hashBytes))) {
      throw new StratumError('DATA_CORRUPT', `${this.#path} is not a topology as it was written`, undefined, {
        hint: 'it is only a copy: it is written anew when a coordinator answers',
      });
    }
    return decodeTopology(TopologyMessage.decode(body));
  }

  async save(topology: Topology): Promise<void> {
    const body = TopologyMessage.encode(encodeTopology(topology)).finish();
    await writeFileDurably(this.#path, Buffer.concat([Buffer.of(formatVersion), sha256(body), body]));
  }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
