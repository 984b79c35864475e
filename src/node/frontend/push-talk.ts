import type { Clock, Timer } from '../../base/clock.ts';
import type { ReceivePackRequest } from '../../git/receive-pack-request.ts';
import { encodePushAnswer, type PushReport } from '../../git/report-status.ts';
import { encodeSideband, sidebandKeepAlive } from '../../git/sideband.ts';
import type { Exchange } from './exchange.ts';

const contentType = 'application/x-git-receive-pack-result';

/** How often a quiet connection gets a sign of life; receive.keepAlive has the same default. */
const keepAliveIntervalMs = 5_000;

/** What is said to a pusher: progress and messages in band 2 while the push is worked on, then the report. */
export class PushTalk {
  readonly #exchange: Exchange;
  readonly #request: ReceivePackRequest;
  readonly #clock: Clock;
  #keepAlive: Timer | undefined;

  constructor(request: ReceivePackRequest, modules: { readonly exchange: Exchange; readonly clock: Clock }) {
    this.#request = request;
    this.#exchange = modules.exchange;
    this.#clock = modules.clock;
  }

  /** Whether progress is wanted. */
  get verbose(): boolean {
    return this.#request.sideband && !this.#request.quiet;
  }

  /** Progress as git writes it, carriage returns and all. */
  progress(text: Buffer): void {
    if (this.verbose) this.#offer(encodeSideband(2, text));
  }

  /** A line for the person who pushes; it is not dropped by `quiet`. */
  message(line: string): void {
    if (this.#request.sideband) this.#offer(encodeSideband(2, `${line}\n`));
  }

  /** Sends signs of life until the report, where the client can take them. */
  keepAlive(): void {
    if (!this.#request.sideband) return;
    this.#keepAlive ??= this.#clock.every(keepAliveIntervalMs, () => this.#offer(sidebandKeepAlive));
  }

  /** Stops the signs of life; the talk ends without a report. */
  hush(): void {
    this.#keepAlive?.cancel();
  }

  /** Ends the talk with the report, if the client asked for one. */
  async report(report: PushReport): Promise<void> {
    this.hush();
    const answer = this.#request.report === 'none' ? [] : [encodePushAnswer(report, this.#request.sideband)];
    await this.#exchange.answer(contentType, answer);
  }

  #offer(bytes: Buffer): void {
    if (this.#exchange.signal.aborted) return;
    this.#exchange.begin(contentType);
    this.#exchange.offer(bytes);
  }
}
