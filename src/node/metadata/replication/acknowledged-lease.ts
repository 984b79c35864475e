/** Who speaks: a node and the process of it. */
export interface Sender {
  readonly nodeId: string;
  readonly generation: bigint;
}

/** The lease that a replica has granted: whose beacon it acknowledged last, and when. Who sent that may serve for a lease from then on. */
export class AcknowledgedLease {
  #atMs: number;
  #sender: Sender | undefined;
  #epoch = 0n;

  /** What this node's last process has acknowledged is not known any more: as if it had been just now. */
  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  get atMs(): number {
    return this.#atMs;
  }

  /** Whether this process has acknowledged anybody. */
  get isKnown(): boolean {
    return this.#sender !== undefined;
  }

  acknowledge(sender: Sender, epoch: bigint, nowMs: number): void {
    this.#atMs = nowMs;
    this.#sender = sender;
    this.#epoch = epoch;
  }

  /**
   * A primary has given its lease back; whether that counts. Only of the one that was acknowledged last, and only for an epoch
   * that is not older: the message may be late, and its sender the primary again.
   */
  release({ nodeId, generation }: Sender, epoch: bigint): boolean {
    if (this.#sender?.nodeId !== nodeId || this.#sender.generation !== generation || epoch < this.#epoch) return false;
    this.#atMs = Number.NEGATIVE_INFINITY;
    return true;
  }
}
