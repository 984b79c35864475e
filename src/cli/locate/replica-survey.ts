import pLimit from 'p-limit';
import type { Clock } from '../../base/clock.ts';
import { asStratumError, hasCode, type StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import type { BlobPresenceReport } from '../../replication/node-io.ts';
import type { ClusterConnection } from '../connection.ts';
import { toTime } from '../output/json.ts';
import { silenceMs } from '../silent-nodes.ts';
import type { Presence, Replica } from './replica.ts';

/** Ids of one question: what HasBlobs takes. */
export const questionIdsMax = 10_000;

/** Ids of the first question for which a node has to read and hash its copies, before it is known how long that takes. */
const firstHashedIds = 64;

/** Nodes that are asked at the same time. */
const nodesAtOnceMax = 16;

/** Most that a node which did not hash in time is waited for, to hear whether it answers at all, in milliseconds. */
const probeTimeoutMaxMs = 2_000;

/** The part of a cluster that is asked. */
export type SurveyedCluster = Pick<ClusterConnection, 'reader' | 'silentNodes'>;

/** How to ask. */
export interface SurveyOptions {
  /** Let each node read and hash its copies. */
  readonly verify: boolean;
  /** Milliseconds that each node has for one answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A blob and the nodes to ask about it. */
export interface SurveyedBlob {
  readonly oid: Oid;
  readonly replicas: readonly Replica[];
}

/** Asks nodes what they hold, many blobs in a question, whatever the nodes' states. */
export class ReplicaSurvey {
  readonly #options: SurveyOptions;
  readonly #cluster: SurveyedCluster;
  readonly #clock: Clock;
  readonly #nodes = new Map<string, SurveyedNode>();

  constructor(options: SurveyOptions, modules: { readonly cluster: SurveyedCluster; readonly clock: Clock }) {
    this.#options = options;
    this.#cluster = modules.cluster;
    this.#clock = modules.clock;
  }

  /** The replicas of each blob as their nodes answer; those of a node that does not are "unreachable". */
  async ask(blobs: readonly SurveyedBlob[]): Promise<Replica[][]> {
    const found = blobs.map(({ replicas }) => [...replicas]);
    const questions = new Map<string, { address: string; asked: AskedCopy[] }>();
    for (const [index, { oid, replicas }] of blobs.entries()) {
      for (const [order, { nodeId, address }] of replicas.entries()) {
        const ofNode = questions.get(nodeId) ?? { address, asked: [] };
        questions.set(nodeId, ofNode);
        const answer = (changes: Partial<Replica>) => {
          const before = found[index]?.[order];
          if (before !== undefined && found[index] !== undefined) found[index][order] = { ...before, ...changes };
        };
        ofNode.asked.push({ oid, answer });
      }
    }
    const limit = pLimit(nodesAtOnceMax);
    await Promise.all(
      [...questions].map(([nodeId, { address, asked }]) => limit(() => this.#node(nodeId, address).ask(asked))),
    );
    return found;
  }

  #node(nodeId: string, address: string): SurveyedNode {
    let node = this.#nodes.get(nodeId);
    if (node === undefined) {
      node = new SurveyedNode({ ...this.#options, nodeId, address }, { cluster: this.#cluster, clock: this.#clock });
      this.#nodes.set(nodeId, node);
    }
    return node;
  }
}

interface AskedCopy {
  readonly oid: Oid;
  readonly answer: (changes: Partial<Replica>) => void;
}

/** One node: asks for as many blobs at a time as it answers well within the deadline. */
class SurveyedNode {
  readonly #options: SurveyOptions & { readonly nodeId: string; readonly address: string };
  readonly #cluster: SurveyedCluster;
  readonly #clock: Clock;
  #idsAtOnce: number;
  /** With what it refused, and until when it is left alone. */
  #refusal: { readonly error: string; readonly untilMs: number } | undefined;

  constructor(
    options: SurveyOptions & { readonly nodeId: string; readonly address: string },
    modules: { readonly cluster: SurveyedCluster; readonly clock: Clock },
  ) {
    this.#options = options;
    this.#cluster = modules.cluster;
    this.#clock = modules.clock;
    this.#idsAtOnce = options.verify ? firstHashedIds : questionIdsMax;
  }

  async ask(asked: readonly AskedCopy[]): Promise<void> {
    let at = 0;
    while (at < asked.length) {
      const error = this.#silence();
      if (error !== undefined) {
        for (const { answer } of asked.slice(at)) answer({ presence: 'unreachable', error });
        return;
      }
      const slice = asked.slice(at, at + this.#idsAtOnce);
      if (await this.#askOnce(slice)) at += slice.length;
    }
  }

  /** Why the node is left alone. */
  #silence(): string | undefined {
    if (this.#options.address === '') return 'the node is not registered';
    if (this.#refusal !== undefined && this.#clock.monotonicMs() < this.#refusal.untilMs) return this.#refusal.error;
    const silence = this.#cluster.silentNodes.errorOf(this.#options.nodeId);
    return silence === undefined ? undefined : textOf(silence);
  }

  /** Whether these were answered; otherwise they are to be asked again, fewer at a time, or the node is silent. */
  async #askOnce(asked: readonly AskedCopy[]): Promise<boolean> {
    const { nodeId, verify, timeoutMs, signal } = this.#options;
    const oids = asked.map(({ oid }) => oid);
    const startedMs = this.#clock.monotonicMs();
    try {
      const reports = await this.#has(oids, verify, timeoutMs);
      for (const [index, { answer }] of asked.entries()) answer(toAnswer(reports[index]));
      const tookMs = this.#clock.monotonicMs() - startedMs;
      if (tookMs < timeoutMs / 8) this.#idsAtOnce = Math.min(questionIdsMax, this.#idsAtOnce * 2);
      else if (tookMs > timeoutMs / 2) this.#idsAtOnce = Math.max(1, this.#idsAtOnce >>> 1);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      // To hash many copies takes its time: a node that answers at all is asked for fewer.
      if (verify && asked.length > 1 && hasCode(error, 'DEADLINE_EXCEEDED') && (await this.#answers(oids[0]))) {
        this.#idsAtOnce = Math.max(1, asked.length >>> 3);
        return false;
      }
      this.#cluster.silentNodes.note(nodeId, error);
      this.#refusal = { error: textOf(asStratumError(error)), untilMs: this.#clock.monotonicMs() + silenceMs };
      return false;
    }
  }

  /** Whether it answers to what costs it nothing. */
  async #answers(oid: Oid | undefined): Promise<boolean> {
    const { timeoutMs, signal } = this.#options;
    try {
      await this.#has(oid === undefined ? [] : [oid], false, Math.min(timeoutMs, probeTimeoutMaxMs));
      return true;
    } catch {
      // What it was asked before has failed already, and that error is the one to tell.
      signal.throwIfAborted();
      return false;
    }
  }

  async #has(oids: readonly Oid[], verify: boolean, timeoutMs: number): Promise<readonly BlobPresenceReport[]> {
    const { nodeId, address, signal } = this.#options;
    const reader = await this.#cluster.reader(nodeId, address);
    return reader.has(oids, verify, { timeoutMs, signal });
  }
}

function textOf({ code, message }: StratumError): string {
  return `${code}: ${message}`;
}

const presences: Readonly<Record<BlobPresenceReport['presence'], Presence>> = {
  PRESENT: 'present',
  MISSING: 'missing',
  CORRUPT: 'corrupt',
  UNKNOWN: 'unknown',
};

function toAnswer(report: BlobPresenceReport | undefined): Partial<Replica> {
  if (report === undefined) return { presence: 'unknown', error: 'the node gave no answer for the blob' };
  return { presence: presences[report.presence], size: report.size, storedAt: toTime(report.storedAtMs) };
}
