import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { explain, hasCode, systemCode } from '../../base/errors.ts';
import { etcdEnvironment } from './etcd-binary.ts';
import type { EtcdMemberLog } from './etcd-member-log.ts';

/**
 * The shell becomes etcd, and leaves a watcher behind in its process group: when the pipe on its
 * standard input ends, which it does with the process that holds the other end however that ends,
 * the watcher kills the group, itself included. A crash of the coordinator is then one of its member
 * too, which etcd's log of writes is made for, and its ports are free at once.
 */
const shellScript = `exec 3<&0 </dev/null
( trap '' TERM INT HUP; cat <&3 >/dev/null; kill -s KILL -- "-$$" ) >/dev/null 2>&1 &
exec "$@" 3<&-`;

/** Two election time-outs to hand its leadership over; it takes longer only when the others are going too. */
const endTimeoutMs = 2_000;

/** What to run. */
export interface EtcdMemberCommand {
  readonly binary: string;
  readonly args: readonly string[];
  readonly searchPath: string;
}

/** One run of etcd, which cannot outlive this process. */
export class EtcdMemberProcess {
  /** Resolves with how it ended, in words. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess | undefined;
  readonly #clock: Clock;
  #hasEnded = false;

  /** Never throws: what cannot be started has ended. */
  constructor(command: EtcdMemberCommand, modules: { readonly log: EtcdMemberLog; readonly clock: Clock }) {
    this.#clock = modules.clock;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    const end = (how: string) => {
      this.#hasEnded = true;
      resolve(how);
    };
    try {
      this.#child = spawnShell(command, modules.log);
    } catch (error) {
      end(`cannot be started: ${explain(error)}`);
      return;
    }
    // A process that is gone breaks the pipe; its end says so.
    this.#child.stdin?.on('error', () => undefined);
    this.#child.once('error', (error) => end(`cannot be started: ${error.message}`));
    this.#child.once('exit', (code, signal) => {
      // The watcher is left, and with it the group.
      this.#killGroup();
      end(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`);
    });
  }

  /** 0 when it could not be started. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Asks it to end, and makes it end when it does not within the deadline. */
  async stop(): Promise<void> {
    if (!this.#hasEnded) this.#child?.kill('SIGTERM');
    try {
      await withDeadline(this.#clock, 'end of etcd', endTimeoutMs, () => this.ended);
    } catch (error) {
      if (!hasCode(error, 'DEADLINE_EXCEEDED')) throw error;
      this.#killGroup();
      await this.ended;
    }
  }

  #killGroup(): void {
    if (this.pid === 0) return;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch (error) {
      // ESRCH: the watcher has ended too, by a kill from outside.
      if (systemCode(error) !== 'ESRCH') throw error;
    }
  }
}

function spawnShell({ binary, args, searchPath }: EtcdMemberCommand, log: EtcdMemberLog): ChildProcess {
  const output = log.open();
  try {
    return spawn('/bin/sh', ['-c', shellScript, 'etcd', binary, ...args], {
      cwd: '/',
      env: etcdEnvironment(searchPath),
      stdio: ['pipe', output, output],
      // A group of its own: Ctrl-C is for the coordinator, and a kill reaches all.
      detached: true,
    });
  } finally {
    closeSync(output);
  }
}
