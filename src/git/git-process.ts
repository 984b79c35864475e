import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { Clock, Timer } from '../base/clock.ts';
import { StratumError, systemCode } from '../base/errors.ts';
import { KiB } from '../base/units.ts';
import { configArguments, gitEnvironment } from './git-environment.ts';
import { StderrTail } from './stderr-tail.ts';

/** One git command. */
export interface GitCommand {
  /** The command and its arguments: ['rev-list', '--all']. */
  readonly args: readonly string[];
  /** The repository; left out for commands that need none. */
  readonly gitDir?: string;
  /** Settings beside those of every git process. */
  readonly config?: Readonly<Record<string, string>>;
  /** Variables beside those of every git process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Aborting it kills the process and everything that it started. */
  readonly signal?: AbortSignal | undefined;
  /** It runs at the pace of a client, who may be slow: such processes have slots of their own. */
  readonly isPaced?: boolean;
  /** Commands of one key, a repository's id, share a part of the slots, so that no repository keeps the others waiting. */
  readonly fairKey?: string;
  /** After so many milliseconds of running it is killed with DEADLINE_EXCEEDED, also when nobody reads its output. */
  readonly timeoutMs?: number;
  /** Nobody waits for it: it and what it starts get what others leave of the processor. */
  readonly isBackground?: boolean;
  /** Exit codes beside 0 that are answers and no failures. */
  readonly answerCodes?: readonly number[];
  /** Sees standard error as it comes. */
  readonly onStderr?: (chunk: Buffer) => void;
}

/** Where git is and how long it may take to die. */
export interface GitProcessOptions {
  /** "git", or a path. */
  readonly gitPath: string;
  readonly searchPath: string;
  /** Between SIGTERM and SIGKILL. */
  readonly killGraceMs: number;
  /** Settings that bound each process, before those of the command. */
  readonly limits?: readonly (readonly [string, string])[];
}

/** Descriptors are freed as requests end. */
const retryWithoutDescriptorsMs = 1_000;

/** What a failed git process said last is kept up to this. */
const stderrBytesMax = 8 * KiB;

/**
 * One running git process. Its standard output must be read to the end, or the process killed.
 * The process leads a group of its own, so that a kill reaches `pack-objects` below `upload-pack`.
 */
export class GitProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /**
   * Settles when the process and its output have ended: with its exit code, 0 or one of the answer codes; else GIT_FAILED,
   * or the signal's reason.
   */
  readonly done: Promise<number>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #stderr = new StderrTail(stderrBytesMax);
  readonly #clock: Clock;
  readonly #options: GitProcessOptions;
  #killReason: unknown;
  #killTimer: Timer | undefined;
  #deadline: Timer | undefined;
  #ended = false;

  constructor(command: GitCommand, options: GitProcessOptions, modules: { readonly clock: Clock }) {
    this.#options = options;
    this.#clock = modules.clock;
    const gitDir = command.gitDir === undefined ? {} : { GIT_DIR: command.gitDir };
    this.#child = spawn(options.gitPath, [...configArguments(command.config, options.limits), ...command.args], {
      cwd: command.gitDir ?? '/',
      env: gitEnvironment(options.searchPath, { ...gitDir, ...command.env }),
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    if ((this.#child.stdin as Writable | undefined) === undefined) {
      // Out of file descriptors the system starts nothing; the event that follows says no more than that.
      this.#child.once('error', () => undefined);
      const message = 'git cannot be started: no file descriptors are left';
      throw new StratumError('OVERLOADED', message, { retryAfterMs: retryWithoutDescriptorsMs });
    }
    if (command.isBackground === true) this.#yield();
    this.stdin = this.#child.stdin;
    this.stdout = this.#child.stdout;
    // A process that ends before it has read its input breaks the pipe; its exit code says why.
    this.stdin.on('error', () => undefined);
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr.add(chunk);
      command.onStderr?.(chunk);
    });
    this.done = this.#watch(command);
    this.done.catch(() => undefined); // Whoever awaits it sees the error; nobody has to.
  }

  /** The last lines of standard error. */
  get stderrLines(): readonly string[] {
    return this.#stderr.lines;
  }

  /** Ends the process and everything that it started: SIGTERM, then SIGKILL. `done` rejects with the reason. */
  kill(reason: unknown): void {
    if (this.#ended || this.#killReason !== undefined) return;
    this.#killReason = reason ?? new StratumError('CANCELLED', 'the git process was stopped');
    this.#signalGroup('SIGTERM');
    this.#killTimer = this.#clock.after(this.#options.killGraceMs, () => this.#signalGroup('SIGKILL'));
    this.stdin.destroy();
    this.stdout.destroy();
  }

  /** Its time limit holds no longer. */
  endDeadline(): void {
    this.#deadline?.cancel();
  }

  #watch(command: GitCommand): Promise<number> {
    const { signal, timeoutMs } = command;
    const onAbort = () => this.kill(signal?.reason);
    if (timeoutMs !== undefined) this.#deadline = this.#clock.after(timeoutMs, () => this.kill(tooLate(command)));
    const ended = new Promise<number>((resolve, reject) => {
      this.#child.once('error', (error) => reject(this.#startFailure(error)));
      this.#child.once('close', (code, endSignal) => {
        if (this.#killReason !== undefined) reject(this.#killReason);
        else if (code !== null && (code === 0 || command.answerCodes?.includes(code))) resolve(code);
        else reject(this.#failure(command, code === null ? `was ended by ${endSignal}` : `ended with ${code}`));
      });
    });
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
    return ended.finally(() => {
      this.#ended = true;
      this.#killTimer?.cancel();
      this.#deadline?.cancel();
      signal?.removeEventListener('abort', onAbort);
    });
  }

  #failure(command: GitCommand, how: string): StratumError<'GIT_FAILED'> {
    const said = this.stderrLines.slice(-5).join('; ');
    return new StratumError('GIT_FAILED', `git ${command.args[0]} ${how}${said === '' ? '' : `: ${said}`}`);
  }

  #startFailure(error: Error): StratumError<'GIT_FAILED'> {
    const missing = systemCode(error) === 'ENOENT';
    return new StratumError('GIT_FAILED', `${this.#options.gitPath} cannot be started: ${error.message}`, undefined, {
      hint: missing ? 'Install git 2.38 or later, or put it on the PATH of this process.' : undefined,
      cause: error,
    });
  }

  #yield(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      setPriority(pid, constants.priority.PRIORITY_LOW);
    } catch (error) {
      // ESRCH: it has ended already.
      if (systemCode(error) !== 'ESRCH') throw error;
    }
  }

  #signalGroup(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch (error) {
      // ESRCH: the group has ended by itself in the meantime.
      if (systemCode(error) !== 'ESRCH') throw error;
    }
  }
}

function tooLate({ args, timeoutMs = 0 }: GitCommand): StratumError<'DEADLINE_EXCEEDED'> {
  const what = `git ${args[0]}`;
  const details = { endpoint: what, timeoutMs };
  return new StratumError('DEADLINE_EXCEEDED', `${what} was ended: it ran for more than ${timeoutMs} ms`, details);
}
