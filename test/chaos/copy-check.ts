import pLimit from 'p-limit';
import { asStratumError, hasCode, type StratumError } from '../../src/base/errors.ts';
import { type Oid, oidOf } from '../../src/base/oid.ts';
import type { NodeDirectory } from '../../src/replication/node-directory.ts';
import type { ObjectApi, SmallObjectApi } from '../../src/replication/object-api.ts';
import type { ChaosBlob } from './chaos-blob.ts';

const callTimeoutMs = 30_000;
const oidsPerQuestion = 500;
const blobsPerRead = 256;
/** At a time: one waits for the disks while another is hashed. */
const readsMax = 4;
/** A node that was just started is found again by its clients after a pause; failed calls are repeated until then. */
const attemptsMax = 60;

/** What a check works with. */
export interface CopyCheckModules {
  readonly nodes: NodeDirectory;
  readonly nodeIds: readonly string[];
  readonly objects: ObjectApi & SmallObjectApi;
  readonly pause: () => Promise<void>;
}

/** Looks at what is on the nodes and what readers get of it; gives what must not be, a sentence each. */
export class CopyCheck {
  readonly #modules: CopyCheckModules;
  readonly #violations: string[] = [];

  constructor(modules: CopyCheckModules) {
    this.#modules = modules;
  }

  /**
   * Every node that has ever said that a blob is durable there has a copy that hashes right; no node
   * has a copy of any blob that does not.
   */
  async copies(blobs: readonly ChaosBlob[]): Promise<readonly string[]> {
    await Promise.all(this.#modules.nodeIds.map((nodeId) => this.#copiesAt(nodeId, blobs)));
    return this.#take();
  }

  /** Readers get every acknowledged blob, and of the others each whole or not at all. */
  async readable(blobs: readonly ChaosBlob[]): Promise<readonly string[]> {
    const small = blobs.filter(({ kind }) => kind !== 'large');
    const atATime = pLimit(readsMax);
    const reads = blobs.filter(({ kind }) => kind === 'large').map((blob) => atATime(() => this.#readOne(blob)));
    for (let from = 0; from < small.length; from += blobsPerRead) {
      reads.push(atATime(() => this.#readMany(small.slice(from, from + blobsPerRead))));
    }
    await Promise.all(reads);
    return this.#take();
  }

  async #copiesAt(nodeId: string, blobs: readonly ChaosBlob[]): Promise<void> {
    for (let from = 0; from < blobs.length; from += oidsPerQuestion) {
      const asked = blobs.slice(from, from + oidsPerQuestion);
      const oids = asked.map(({ oid }) => oid);
      const reports = await this.#repeated(() => {
        const reader = this.#modules.nodes.reader(nodeId);
        if (reader === undefined) throw new Error(`${nodeId} is not in the topology`);
        return reader.has(oids, true, { timeoutMs: callTimeoutMs });
      });
      for (const [index, blob] of asked.entries()) {
        const presence = reports[index]?.presence;
        const isHeld = presence === 'PRESENT';
        if (isHeld || (presence === 'MISSING' && !blob.holders.has(nodeId))) continue;
        const promise = blob.holders.has(nodeId) ? 'said that it is durable' : 'said nothing of it';
        this.#violations.push(
          `${blob.kind} ${blob.oid} of ${blob.size} bytes: ${presence} at ${nodeId}, which ${promise}`,
        );
      }
    }
  }

  async #readMany(blobs: readonly ChaosBlob[]): Promise<void> {
    const oids = blobs.map(({ oid }) => oid);
    let answers = await this.#modules.objects.getMany(oids, { timeoutMs: callTimeoutMs });
    for (let left = attemptsMax; left > 0 && answers.some(isTransient); left -= 1) {
      await this.#modules.pause();
      answers = await this.#modules.objects.getMany(oids, { timeoutMs: callTimeoutMs });
    }
    for (const [index, blob] of blobs.entries()) this.#judge(blob, answers[index]);
  }

  async #readOne(blob: ChaosBlob): Promise<void> {
    const read = async () => {
      const { chunks } = await this.#modules.objects.get(blob.oid, undefined, { timeoutMs: callTimeoutMs });
      return Buffer.concat(await Array.fromAsync(chunks));
    };
    const attempt = async () => {
      const answer = await read().catch(asStratumError);
      if (isTransient(answer)) throw answer;
      return answer;
    };
    this.#judge(blob, await this.#repeated(attempt).catch(asStratumError));
  }

  #judge({ kind, oid, size, isAcknowledged }: ChaosBlob, answer: Buffer | StratumError | undefined): void {
    const what = `${kind} ${oid} of ${size} bytes, ${isAcknowledged ? 'acknowledged' : 'not acknowledged'}`;
    if (Buffer.isBuffer(answer)) {
      const got: Oid = oidOf(answer);
      if (got !== oid) this.#violations.push(`${what}: a reader got ${answer.length} bytes that hash to ${got}`);
    } else if (isAcknowledged || answer?.code !== 'BLOB_NOT_FOUND') {
      this.#violations.push(`${what}: a reader got ${answer?.code ?? 'nothing'}: ${answer?.message}`);
    }
  }

  async #repeated<T>(call: () => Promise<T>): Promise<T> {
    for (let left = attemptsMax; ; left -= 1) {
      try {
        return await call();
      } catch (error) {
        if (left === 0) throw error;
        await this.#modules.pause();
      }
    }
  }

  #take(): readonly string[] {
    return this.#violations.splice(0);
  }
}

/** All nodes run, so that an answer which cannot be given for one of them is asked for again. */
function isTransient(answer: Buffer | StratumError): boolean {
  return hasCode(answer, 'INSUFFICIENT_REPLICAS') || hasCode(answer, 'UNREACHABLE');
}
