import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

/** What the client process is to ask for. */
export interface FetchJob {
  readonly port: number;
  readonly path: string;
  /** Bodies of the requests in base64, one after the other and then from the first again. */
  readonly bodies: readonly string[];
  readonly connections: number;
  /** It ends when so many requests have been made and so much time has passed. */
  readonly requests: number;
  readonly durationMs: number;
}

/** One answer as the client process saw it. */
export interface FetchAnswer {
  readonly bytes: number;
  readonly firstByteMs: number;
  readonly ms: number;
}

/** What came of a job. */
export interface FetchOutcome {
  readonly answers: readonly FetchAnswer[];
  readonly elapsedMs: number;
  /** Of the client process. */
  readonly processorMs: number;
}

/** The client process, one job at a time. */
export class FetchClient {
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'clone-client.ts'), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#ended = new Promise((_, reject) => {
      this.#child.once('exit', (code) => reject(new Error(`the client process ended with ${code}`)));
    });
    this.#ended.catch(() => undefined); // Nobody may be waiting for an answer.
  }

  /** Rejects when one answer is no whole pack. */
  async run(job: FetchJob): Promise<FetchOutcome> {
    const answered = new Promise<FetchOutcome | { failure: string }>((resolve) => {
      this.#child.once('message', resolve);
    });
    if (!this.#child.connected) throw new Error('the client process has ended');
    this.#child.send(job);
    const outcome = await Promise.race([answered, this.#ended]);
    if ('failure' in outcome) throw new Error(`${job.path} at port ${job.port}: ${outcome.failure}`);
    return outcome;
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
