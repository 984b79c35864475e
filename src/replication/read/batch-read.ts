import { withDeadline } from '../../base/deadline.ts';
import { hasCode, StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import { MiB } from '../../base/units.ts';
import type { SmallBlobAnswer } from '../../store/blob-store.ts';
import type { ConsistencyLevel } from '../object-api.ts';
import { formedTopology, isDown, type Placement, placementIn } from '../placement.ts';
import { BlobQuestion, NodeLine } from './blob-question.ts';
import type { HedgePolicy } from './hedge-policy.ts';
import type { MeanSize } from './mean-size.ts';
import { ReadFindings } from './read-findings.ts';
import type { QuorumReaderModules } from './reader-settings.ts';
import type { ReplicaOrder } from './replica-order.ts';
import { stallTimeMs } from './stall-time.ts';
import { verifiedContent } from './verified-content.ts';

/** Ids that one node is asked for in one message. */
const sliceQuestionsMax = 256;
/** Bytes that one message's answers are expected to have. */
const sliceBytesMax = MiB;
/** Messages under way: what bounds the memory beside the result. */
const slicesMax = 16;
/** Of them at one node: one that hangs leaves room for the others. */
const slicesPerNodeMax = 4;

/** The read. */
export interface BatchReadOptions {
  readonly level: ConsistencyLevel;
  /** Milliseconds for one message. */
  readonly stallTimeoutMs: number;
  /** Milliseconds for all of it. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a read of many blobs works with. */
export interface BatchReadModules extends QuorumReaderModules {
  readonly order: ReplicaOrder;
  readonly hedges: HedgePolicy;
  /** Of the blobs read lately, by which slices are cut. */
  readonly sizes: MeanSize;
}

/** Questions that one node has been sent in one message. */
interface Slice {
  readonly line: NodeLine;
  readonly questions: readonly BlobQuestion[];
  readonly startedMs: number;
  readonly life: AbortController;
  /** It has had its usual time: nobody waits for it who can be served or answered without it. */
  isLate: boolean;
  /** Its questions were asked of others too. */
  isHedged: boolean;
  /** All of its questions were decided without it. */
  isOvertaken: boolean;
}

/**
 * One read of many small blobs. Each is asked of its likely fastest replica, in slices with others of the
 * same node, and of the next one when it is missing or damaged there or the slice fails; a slice that
 * is late has its blobs asked of their next replicas too. Nothing here is a promise per blob.
 */
export class BatchRead {
  readonly #options: BatchReadOptions;
  readonly #modules: BatchReadModules;
  readonly #lines = new Map<string, NodeLine>();
  /** By the node ids of a placement. */
  readonly #orders = new Map<string, readonly NodeLine[]>();
  readonly #slices = new Set<Slice>();
  readonly #decided = Promise.withResolvers<void>();
  readonly #deadlineMs: number;
  #openCount = 0;
  #isExpired = false;
  #isOver = false;

  constructor(options: BatchReadOptions, modules: BatchReadModules) {
    this.#options = options;
    this.#modules = modules;
    this.#deadlineMs = modules.clock.monotonicMs() + options.timeoutMs;
  }

  /** For each id the content or why there is none; an id that comes twice is asked for once. */
  async run(oids: readonly Oid[]): Promise<readonly (Buffer | StratumError)[]> {
    const { signal, timeoutMs } = this.#options;
    const questions = new Map<Oid, BlobQuestion>();
    const topology = formedTopology(this.#modules.topology);
    for (const oid of oids)
      if (!questions.has(oid)) questions.set(oid, this.#question(placementIn(topology, oid), oid));
    this.#openCount = questions.size;
    const onAbort = () => this.#decided.reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = this.#modules.clock.after(timeoutMs, () => this.#expire());
    try {
      for (const question of questions.values()) this.#assign(question);
      this.#pump();
      if (this.#openCount > 0) await this.#decided.promise;
    } finally {
      this.#isOver = true;
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      for (const { life } of this.#slices) life.abort(new StratumError('CANCELLED', 'the read is over'));
    }
    return oids.map((oid) => answerOf(questions.get(oid)));
  }

  #question(placement: Placement, oid: Oid): BlobQuestion {
    const { topology, gaps } = this.#modules;
    const { level } = this.#options;
    return new BlobQuestion(
      oid,
      this.#linesOf(placement),
      () => new ReadFindings({ oid, level, placement }, { topology, gaps }),
    );
  }

  #linesOf(placement: Placement): readonly NodeLine[] {
    const key = placement.nodeIds.join('\n');
    let lines = this.#orders.get(key);
    if (lines === undefined) {
      lines = this.#modules.order.order(placement).map((nodeId) => this.#line(nodeId, placement));
      this.#orders.set(key, lines);
    }
    return lines;
  }

  #line(nodeId: string, { topology }: Placement): NodeLine {
    let line = this.#lines.get(nodeId);
    if (line === undefined) {
      line = new NodeLine(nodeId, this.#modules.nodes.reader(nodeId), isDown(topology, nodeId));
      this.#lines.set(nodeId, line);
    }
    return line;
  }

  /**
   * Has a blob wait at its next node that nobody is being asked for, or nobody but nodes that are late. When there is
   * none, it is decided: at once if it counts as missing, and otherwise when the late ones have ended.
   */
  #assign(question: BlobQuestion): void {
    if (this.#isExpired) this.#giveUp(question);
    const isUrgent = question.isDenied || question.pending > 0;
    const line = isUrgent ? question.nextPromptLine() : question.nextLine();
    if (line !== undefined) {
      line.add(question);
    } else if (question.isDenied || question.pending === 0) {
      question.fail();
      this.#closeOne();
    }
  }

  #giveUp(question: BlobQuestion): void {
    for (let line = question.nextLine(); line !== undefined; line = question.nextLine()) {
      const { nodeId, endpoint } = line;
      const message = `${nodeId} was not asked: the time for the read is over`;
      question.findings.add(nodeId, endpoint, new StratumError('DEADLINE_EXCEEDED', message, { endpoint }));
      question.markTried(line);
    }
  }

  #closeOne(): void {
    this.#openCount -= 1;
    if (this.#openCount === 0) this.#decided.resolve();
  }

  /** Sends what may be sent now, to the least busy nodes first. */
  #pump(): void {
    while (!this.#isOver && this.#slices.size < slicesMax) {
      let least: NodeLine | undefined;
      for (const line of this.#lines.values()) {
        if (!line.hasWaiting || line.running >= slicesPerNodeMax) continue;
        if (least === undefined || line.running < least.running) least = line;
      }
      if (least === undefined) return;
      const questions = least.take(this.#questionsPerSlice());
      if (questions.length > 0) this.#ask(least, questions).catch((error: unknown) => this.#decided.reject(error));
    }
  }

  #questionsPerSlice(): number {
    const meanBytes = Math.max(1, this.#modules.sizes.bytes);
    return Math.min(sliceQuestionsMax, Math.max(1, Math.floor(sliceBytesMax / meanBytes)));
  }

  /** Sends one slice and takes what comes of it; rejects on a bug alone. */
  async #ask(line: NodeLine, questions: readonly BlobQuestion[]): Promise<void> {
    const { clock, hedges } = this.#modules;
    const life = new AbortController();
    const startedMs = clock.monotonicMs();
    const slice: Slice = { line, questions, startedMs, life, isLate: false, isHedged: false, isOvertaken: false };
    this.#slices.add(slice);
    line.running += 1;
    hedges.countRead();
    const timer = clock.after(hedges.delayMs(line.nodeId), () => this.#onLate(slice));
    const answers = await this.#answersOf(slice).catch((error: unknown) => this.#fail(slice, error));
    timer.cancel();
    if (slice.isHedged) hedges.end(slice.isOvertaken ? 'won' : 'lost');
    if (answers !== undefined) {
      this.#record(slice, 'WELL');
      for (const [index, question] of questions.entries()) this.#take(slice, question, answers[index]);
    }
    line.running -= 1;
    this.#slices.delete(slice);
    this.#cancelDecided();
    this.#pump();
  }

  #answersOf({ line, questions, life }: Slice): Promise<readonly SmallBlobAnswer[]> {
    const { clock } = this.#modules;
    const leftMs = Math.max(1, this.#deadlineMs - clock.monotonicMs());
    const othersLeft = questions.reduce((most, question) => Math.max(most, question.othersLeft), 0);
    const timeoutMs = stallTimeMs(leftMs, othersLeft, this.#options.stallTimeoutMs);
    const ask = async (signal: AbortSignal) => {
      const { reader, nodeId, endpoint } = line;
      if (reader === undefined) throw new StratumError('UNREACHABLE', `${nodeId} is not registered`, { endpoint });
      const oids = questions.map(({ oid }) => oid);
      const answers = await reader.getMany(oids, { timeoutMs, signal });
      if (answers.length === oids.length) return answers;
      throw new StratumError('DATA_CORRUPT', `${nodeId} gave ${answers.length} answers to ${oids.length} questions`);
    };
    return withDeadline(clock, `GetBlobs at ${line.nodeId}`, timeoutMs, ask, life.signal);
  }

  /** One answer: the end for the blob when it is verified; a reason to ask the next node otherwise. */
  #take({ line, isLate }: Slice, question: BlobQuestion, answer: SmallBlobAnswer | undefined): void {
    question.leave(isLate);
    // What was answered elsewhere meanwhile need not be hashed again; that it is lacking here is still news.
    if (question.isDecided && answer?.presence === 'PRESENT') return;
    const content = verifiedContent(question.oid, line.nodeId, answer);
    if (content instanceof StratumError) {
      this.#lack(line, question, content);
      return;
    }
    this.#modules.sizes.add(content.length);
    question.succeed(content);
    this.#closeOne();
  }

  #lack({ nodeId, endpoint }: NodeLine, question: BlobQuestion, error: unknown): void {
    if (this.#isOver) return;
    question.findings.add(nodeId, endpoint, error);
    if (!question.isDecided && question.isUnattended) this.#assign(question);
  }

  /** A slice that came to nothing has its blobs asked elsewhere; one that is too large for a message is asked in halves. */
  #fail(slice: Slice, error: unknown): void {
    const { line, questions, life, isLate } = slice;
    if (this.#isOver) return;
    if (life.signal.aborted || hasCode(error, 'DEADLINE_EXCEEDED')) this.#record(slice, 'OVERTAKEN');
    if (hasCode(error, 'TOO_LARGE') && questions.length > 1) {
      if (isLate) for (const question of questions) question.late -= 1;
      const half = questions.length >>> 1;
      line.addSlice(questions.slice(0, half));
      line.addSlice(questions.slice(half));
      return;
    }
    if (!hasCode(error, 'TOO_LARGE')) this.#doubt(line);
    for (const question of questions) {
      question.leave(isLate);
      if (!question.isDecided) this.#lack(line, question, error);
    }
  }

  /** What waits at a node that fails or is late is asked elsewhere where it can be. */
  #doubt(line: NodeLine): void {
    if (line.isDoubtful) return;
    line.isDoubtful = true;
    this.#reassign(line);
  }

  #reassign(line: NodeLine): void {
    for (const question of line.takeBack()) {
      if (!question.isDecided && question.isUnattended) this.#assign(question);
    }
  }

  /** The blobs of a slice that is late are asked of their next nodes too, if the budget allows; missing ones do not wait for it. */
  #onLate(slice: Slice): void {
    if (this.#isOver) return;
    slice.isLate = true;
    this.#doubt(slice.line);
    for (const question of slice.questions) {
      question.late += 1;
      if (!question.isDecided && question.isDenied && question.isUnattended) this.#assign(question);
    }
    const open = slice.questions.filter((question) => {
      const next = question.nextLine();
      return !question.isDecided && question.pending === 1 && next !== undefined && !next.isDown;
    });
    if (open.length > 0 && this.#modules.hedges.tryHedge()) {
      slice.isHedged = true;
      for (const question of open) question.nextLine()?.add(question);
    }
    this.#cancelDecided();
    this.#pump();
  }

  /** Ends late slices of which every blob has been decided by others. */
  #cancelDecided(): void {
    for (const slice of this.#slices) {
      const { isLate, questions, line, life } = slice;
      if (!isLate || life.signal.aborted || !questions.every(({ isDecided }) => isDecided)) continue;
      slice.isOvertaken = true;
      life.abort(new StratumError('CANCELLED', `other replicas were faster than ${line.nodeId}`));
    }
  }

  /** The time is over: nobody else is asked, and who has not answered is named. */
  #expire(): void {
    this.#isExpired = true;
    const { timeoutMs } = this.#options;
    for (const { life, line } of this.#slices) {
      const message = `GetBlobs at ${line.nodeId} did not finish within the read's ${timeoutMs} ms`;
      life.abort(new StratumError('DEADLINE_EXCEEDED', message, { endpoint: line.endpoint, timeoutMs }));
    }
    for (const line of this.#lines.values()) this.#reassign(line);
  }

  #record({ line, startedMs }: Slice, ended: 'WELL' | 'OVERTAKEN'): void {
    const { clock, hedges } = this.#modules;
    hedges.record(line.nodeId, clock.monotonicMs() - startedMs, ended);
  }
}

function answerOf(question: BlobQuestion | undefined): Buffer | StratumError {
  return question?.answer ?? new StratumError('INTERNAL', 'a blob of a read was never asked for');
}
