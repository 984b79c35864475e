import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import type { Writable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { StratumError } from '../base/errors.ts';
import { MiB } from '../base/units.ts';
import { gitLimitConfig } from './git-limits.ts';
import { type GitCommand, GitProcess, type GitProcessOptions } from './git-process.ts';
import { Slots } from './slots.ts';

/** Bounds of the git processes of one node. */
export interface GitRunnerOptions extends Partial<GitProcessOptions> {
  /** git processes at once. */
  readonly processesMax: number;
  /** Requests that may wait for one; OVERLOADED beyond. Half of them may be of one fair key. */
  readonly queueMax: number;
  /** Cores for the threads of one process; the machine's unless given. */
  readonly cores?: number;
}

/** A git command that is run to its end with its output in memory. */
export interface GitRun extends GitCommand {
  /** Written to standard input, which is then closed. */
  readonly input?: Iterable<Buffer> | AsyncIterable<Buffer>;
  /** Output above it is TOO_LARGE and ends the process. Default 16 MiB. */
  readonly outputBytesMax?: number;
}

/** Slow clients that may be served for each process that computes: most of them wait for their network. */
const pacedFactor = 8;

/** What one key may have of slots and queue: half, so that a second key finds room at any moment. */
const halfOf = (count: number) => Math.max(1, count >> 1);

/** How long a refused client is told to wait. */
const retryAfterMs = 5_000;

/** The slot that a process has. */
interface Seat {
  readonly fairKey: string | undefined;
  readonly isPaced: boolean;
  readonly release: () => void;
}

/** A client that has waited for so long is better off with another frontend. */
const waitMaxMs = 30_000;

/**
 * Starts git processes, at most `processesMax` at once, in the environment of src/git/git-environment.ts
 * and with the limits of src/git/git-limits.ts. Fair keys take turns and have at most half of the slots each.
 */
export class GitRunner {
  readonly #slots: Slots;
  /** For processes at a client's pace: stalled clients must not keep everybody from the short ones. */
  readonly #pacedSlots: Slots;
  readonly #options: GitProcessOptions;
  readonly #clock: Clock;
  readonly #running = new Map<GitProcess, Seat>();

  constructor(options: GitRunnerOptions, modules: { readonly clock: Clock }) {
    const { processesMax, queueMax } = options;
    const queue = { queueMax, queuePerKeyMax: halfOf(queueMax), waitMaxMs, retryAfterMs };
    const slots = (slotsMax: number) =>
      new Slots({ what: 'git processes', ...queue, slotsMax, perKeyMax: halfOf(slotsMax) }, modules);
    this.#slots = slots(processesMax);
    this.#pacedSlots = slots(processesMax * pacedFactor);
    this.#options = {
      gitPath: options.gitPath ?? 'git',
      searchPath: options.searchPath ?? process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
      killGraceMs: options.killGraceMs ?? 2_000,
      limits: options.limits ?? gitLimitConfig({ cores: options.cores ?? availableParallelism() }),
    };
    this.#clock = modules.clock;
  }

  /** Processes that run. */
  get running(): number {
    return this.#running.size;
  }

  /** Commands that wait for a slot. */
  get queued(): number {
    return this.#slots.waiting + this.#pacedSlots.waiting;
  }

  /** Waits for a slot and starts a process; its caller reads its output to the end or kills it. */
  async start(command: GitCommand): Promise<GitProcess> {
    const slots = command.isPaced === true ? this.#pacedSlots : this.#slots;
    const release = await slots.acquire(command.fairKey, command.signal);
    try {
      command.signal?.throwIfAborted();
      const child = new GitProcess(command, this.#options, { clock: this.#clock });
      const seat = { fairKey: command.fairKey, isPaced: command.isPaced === true, release };
      this.#running.set(child, seat);
      const ended = () => {
        this.#running.delete(child);
        seat.release();
      };
      child.done.then(ended, ended);
      return child;
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * What a process writes goes to a slow client from now on: it gives its slot to one that computes, and has no time limit
   * any more but its client's patience. Ends it with OVERLOADED when there are too many of its kind.
   */
  pace(child: GitProcess): void {
    const seat = this.#running.get(child);
    if (seat === undefined || seat.isPaced) return;
    const release = this.#pacedSlots.tryAcquire(seat.fairKey);
    if (release === undefined) {
      child.kill(new StratumError('OVERLOADED', 'too many slow clients', { retryAfterMs }));
      return;
    }
    child.endDeadline();
    seat.release();
    Object.assign(seat, { isPaced: true, release });
  }

  /** Runs a command to its end and returns its output; GIT_FAILED unless it ends with 0. */
  async run(command: GitRun): Promise<Buffer> {
    const child = await this.start(command);
    const fed = feed(child.stdin, command.input ?? []).catch((error: unknown) => child.kill(error));
    const chunks: Buffer[] = [];
    const bytesMax = command.outputBytesMax ?? 16 * MiB;
    let bytes = 0;
    try {
      for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > bytesMax) throw outputTooLarge(command, bytesMax);
        chunks.push(chunk);
      }
    } catch (error) {
      child.kill(error); // A stream that a kill destroyed ends here too: the first reason stays.
    }
    await fed;
    await child.done;
    return Buffer.concat(chunks);
  }

  /** Kills every process that runs. */
  killAll(reason: unknown): void {
    for (const child of this.#running.keys()) child.kill(reason);
  }
}

/**
 * Writes a source to a stream at the pace of its reader, then ends it. A reader that closes early
 * ends the source without an error: what the reader has to say comes another way.
 */
export async function feed(
  target: Writable,
  source: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<'complete' | 'closed'> {
  const closed = new AbortController();
  const onClose = () => closed.abort();
  target.once('close', onClose);
  try {
    for await (const chunk of source) {
      if (target.destroyed || target.writableEnded) return 'closed';
      if (!target.write(chunk) && !(await drained(target, closed.signal))) return 'closed';
    }
    target.end();
    return 'complete';
  } finally {
    target.off('close', onClose);
  }
}

async function drained(target: Writable, closed: AbortSignal): Promise<boolean> {
  if (target.destroyed) return false;
  try {
    await once(target, 'drain', { signal: closed });
    return true;
  } catch {
    return false; // Closed, or broken: either way nobody reads any more.
  }
}

function outputTooLarge(command: GitCommand, limit: number): StratumError<'TOO_LARGE'> {
  const details = { what: `output of git ${command.args[0]}`, limit: BigInt(limit) };
  return new StratumError('TOO_LARGE', `git ${command.args[0]} wrote more than ${limit} bytes`, details);
}
