import { StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import type { NodeReader } from '../node-io.ts';
import type { ReadFindings } from './read-findings.ts';

/** What one node has been, and is to be, asked for in a read of many blobs. */
export class NodeLine {
  readonly nodeId: string;
  /** Undefined for a node that is not known. */
  readonly reader: NodeReader | undefined;
  readonly isDown: boolean;
  /** Slices that it has not answered yet. */
  running = 0;
  /** It failed or was late in this read: others are asked before it. */
  isDoubtful = false;
  readonly #waiting: BlobQuestion[] = [];
  readonly #slices: BlobQuestion[][] = [];

  constructor(nodeId: string, reader: NodeReader | undefined, isDown: boolean) {
    this.nodeId = nodeId;
    this.reader = reader;
    this.isDown = isDown;
  }

  get endpoint(): string {
    return this.reader?.endpoint ?? 'unknown';
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0 || this.#slices.length > 0;
  }

  /** Has a question wait for the node's next slice. */
  add(question: BlobQuestion): void {
    question.pending += 1;
    question.markTried(this);
    this.#waiting.push(question);
  }

  /** Has a slice asked as it is; its questions are pending already. */
  addSlice(questions: BlobQuestion[]): void {
    this.#slices.push(questions);
  }

  /** The next slice, without what has been answered elsewhere meanwhile; the latest first, which others wait for. */
  take(questionsMax: number): BlobQuestion[] {
    const slice = this.#slices.pop() ?? this.#waiting.splice(-questionsMax);
    return slice.filter((question) => {
      if (!question.isDecided) return true;
      question.pending -= 1;
      return false;
    });
  }

  /** All that wait, which then have not been asked of this node. */
  takeBack(): BlobQuestion[] {
    const questions = [...this.#waiting.splice(0), ...this.#slices.splice(0).flat()];
    for (const question of questions) {
      question.pending -= 1;
      question.unmarkTried(this);
    }
    return questions;
  }
}

/** One blob of many: where it is asked for, and what became of it. */
export class BlobQuestion {
  readonly oid: Oid;
  /** Where it may be, the likely fastest first; at most 31. */
  readonly lines: readonly NodeLine[];
  /** Nodes where it waits or is asked for at the moment. */
  pending = 0;
  /** Of them, those where it is asked for and that are late. */
  late = 0;
  readonly #createFindings: () => ReadFindings;
  #findings: ReadFindings | undefined;
  /** A bit for each line. */
  #tried = 0;
  #answer: Buffer | StratumError | undefined;

  constructor(oid: Oid, lines: readonly NodeLine[], createFindings: () => ReadFindings) {
    this.oid = oid;
    this.lines = lines;
    this.#createFindings = createFindings;
  }

  get isDecided(): boolean {
    return this.#answer !== undefined;
  }

  /** By the rule it is missing, whatever the nodes would say that are left. */
  get isDenied(): boolean {
    return this.#findings?.isDenied ?? false;
  }

  /** Nobody is about to answer: nobody is asked, or nobody but nodes that are late. */
  get isUnattended(): boolean {
    return this.pending === this.late;
  }

  /** How many nodes could be asked that have not been, and are not DOWN. */
  get othersLeft(): number {
    let count = 0;
    for (let index = 0; index < this.lines.length; index += 1) {
      if (this.#isLeft(index) && this.lines[index]?.isDown === false) count += 1;
    }
    return count;
  }

  /** The verified content, or why there is none. */
  get answer(): Buffer | StratumError {
    return this.#answer ?? new StratumError('INTERNAL', `the read of blob ${this.oid} was left undecided`);
  }

  /** What went wrong so far; most blobs have none. */
  get findings(): ReadFindings {
    if (this.#findings === undefined) {
      this.#findings = this.#createFindings();
      if (this.#answer instanceof Buffer) this.#findings.repair(this.#answer.length);
    }
    return this.#findings;
  }

  /** The line to ask next: of those that are left, the first that is neither DOWN nor doubtful, if there is one. */
  nextLine(): NodeLine | undefined {
    let fallback: NodeLine | undefined;
    for (let index = 0; index < this.lines.length; index += 1) {
      const line = this.lines[index];
      if (line === undefined || !this.#isLeft(index)) continue;
      if (!line.isDown && !line.isDoubtful) return line;
      fallback ??= line;
    }
    return fallback;
  }

  /** The same, unless it is DOWN or doubtful. */
  nextPromptLine(): NodeLine | undefined {
    const line = this.nextLine();
    return line === undefined || line.isDown || line.isDoubtful ? undefined : line;
  }

  /** A node has answered or failed that it was asked for at. */
  leave(wasLate: boolean): void {
    this.pending -= 1;
    if (wasLate) this.late -= 1;
  }

  markTried(line: NodeLine): void {
    this.#tried |= 1 << this.lines.indexOf(line);
  }

  unmarkTried(line: NodeLine): void {
    this.#tried &= ~(1 << this.lines.indexOf(line));
  }

  /** A verified copy: what was found wrong with others is to be repaired. */
  succeed(content: Buffer): void {
    this.#answer = content;
    this.#findings?.repair(content.length);
  }

  /** Nobody is left to ask. */
  fail(): void {
    this.#answer = this.findings.verdict();
  }

  #isLeft(index: number): boolean {
    return (this.#tried & (1 << index)) === 0;
  }
}
