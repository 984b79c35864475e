import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type BackoffBounds, backoffMs } from '../../base/backoff.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { assert, explain, hasCode, StratumError } from '../../base/errors.ts';
import type { Part } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { isAddressTaken, memberFailure } from './etcd-member-failure.ts';
import { EtcdMemberLog } from './etcd-member-log.ts';
import { askPeer, askPeers, type PeerAnswer } from './etcd-member-peers.ts';
import { isRemoved, type JoinPlan, memberArguments, planJoin, refuseOtherCluster } from './etcd-member-plan.ts';
import { chooseMemberPort, isAccepting } from './etcd-member-port.ts';
import { EtcdMemberProcess } from './etcd-member-process.ts';

/** Values of a coordinator's etcd member. */
export interface EtcdMemberOptions {
  /** Node id of the coordinator, and name of the member. */
  readonly nodeId: string;
  /** Where etcd keeps its data. */
  readonly folder: string;
  /** Where its output goes. */
  readonly logFile: string;
  /** host:port by node id, the own one too. */
  readonly peers: Readonly<Record<string, string>>;
  /** host:port of the peer listener. Default: the own address in `peers`. */
  readonly peerListen?: string | undefined;
  /** host:port on loopback of the client listener. Default: a free port, chosen at the start. */
  readonly clientListen?: string | undefined;
  /** Path of the program (etcd-binary.ts). */
  readonly binary: string;
  /** As the variable PATH has it. */
  readonly searchPath: string;
  /** Whether the coordinator has been in a cluster before. */
  readonly hasJoinedBefore: boolean;
}

/** What a member needs. */
export interface EtcdMemberModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Between two starts of a process that ends by itself: soon at first, for ever. */
const backoff: BackoffBounds = { minMs: 100, maxMs: 10_000 };

/** A process that ran this long was well; its end is the first one in a row. */
const wellAfterMs = 30_000;

/** How long etcd may take to open its data. It asks each of its peers in turn at first, two seconds each. */
const readyTimeoutMs = 40_000;

/** Between two looks whether its listener answers: it lives in another process, which gives no event. */
const lookEveryMs = 50;

/** A member that was removed hears so from the others as soon as it has reached one. */
const removalTimeoutMs = 10_000;

/** Chosen ports are taken by another process in between only by bad luck. */
const portTriesMax = 5;

/** Between two looks at the size of its log: it says little. */
const trimEveryMs = 60_000;

/**
 * A coordinator's own etcd member: one process that is started, watched, started again whenever it
 * ends, and stopped. Only a first start that can never succeed is given up.
 */
export class EtcdMember implements Part {
  readonly name = 'etcd member';
  readonly startTimeoutMs = 60_000;
  readonly #options: EtcdMemberOptions;
  readonly #modules: EtcdMemberModules;
  readonly #output: EtcdMemberLog;
  readonly #stopping = new AbortController();
  #clientListen: string | undefined;
  #process: EtcdMemberProcess | undefined;
  #trimming: Timer | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: EtcdMemberOptions, modules: EtcdMemberModules) {
    this.#options = options;
    this.#modules = modules;
    this.#output = new EtcdMemberLog(options.logFile);
  }

  /** Where the coordinator reaches the member; known once it has started, and kept. */
  get endpoint(): string {
    assert(this.#clientListen !== undefined, 'the etcd member has started');
    return `http://${this.#clientListen}`;
  }

  /** Process id of the run that was started last; 0 before the first. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /**
   * Resolves when the process runs and listens, with or without a majority: the first of several has
   * to wait for the others. ETCD_FAILED or UNSAFE when it cannot run like this.
   */
  async start(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#modules;
    const { nodeId, peers, folder, hasJoinedBefore } = this.#options;
    const ending = AbortSignal.any([signal, this.#stopping.signal]);
    await this.#makeFolder();
    const place = { nodeId, peers, hasJoinedBefore, hasData: this.#hasData() };
    if (!place.hasData) await this.#refuseTwin(ending);
    const others = Object.entries(peers).flatMap(([id, address]) => (id === nodeId ? [] : [address]));
    const answers = await askPeers(others, { clock, signal: ending });
    const plan = planJoin(place, answers);
    try {
      const own = await this.#startFirst(plan, ending);
      refuseOtherCluster(own, answers, folder);
      if (isRemoved(place, answers)) await this.#waitForRemoval(ending);
    } catch (error) {
      await this.#process?.stop();
      throw error;
    }
    this.#trimming = clock.every(trimEveryMs, () => this.#trim());
    const { state } = plan;
    log.info({ pid: this.pid, endpoint: this.endpoint, state, hasData: place.hasData }, 'etcd member started');
    this.#running = this.#keepRunning(plan);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new StratumError('SHUTTING_DOWN', 'the etcd member stops'));
    this.#trimming?.cancel();
    await this.#process?.stop();
    await this.#running;
  }

  async #makeFolder(): Promise<void> {
    const { folder } = this.#options;
    try {
      // etcd warns of a folder that others may read.
      await mkdir(folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new StratumError('DATA_DIR_UNWRITABLE', `cannot use the folder ${folder}: ${explain(error)}`, undefined, {
        cause: error,
      });
    }
  }

  /** Starts the process, on other client ports when a chosen one was taken; resolves with what it says of its cluster. */
  async #startFirst(plan: JoinPlan, signal: AbortSignal): Promise<PeerAnswer> {
    const { clientListen } = this.#options;
    const isChosen = clientListen === undefined || clientListen.endsWith(':0');
    for (let tries = 1; ; tries += 1) {
      this.#clientListen = isChosen ? `127.0.0.1:${await chooseMemberPort(this.#modules.random)}` : clientListen;
      const child = this.#spawn(plan);
      const own = await this.#ready(child, signal);
      if (own !== undefined) return own;
      const how = await child.ended;
      const wasTaken = isAddressTaken(this.#output.lastLines(), this.#clientListen);
      if (!wasTaken || !isChosen || tries === portTriesMax) throw this.#failure(how);
    }
  }

  #spawn(plan: JoinPlan): EtcdMemberProcess {
    const { nodeId, folder, peers, peerListen, binary, searchPath } = this.#options;
    const peerAddress = peers[nodeId] ?? '';
    const clientListen = this.#clientListen ?? '';
    const listeners = { nodeId, folder, peerAddress, peerListen: peerListen ?? peerAddress, clientListen };
    const command = { binary, searchPath, args: memberArguments(listeners, plan) };
    this.#process = new EtcdMemberProcess(command, { clock: this.#modules.clock, log: this.#output });
    return this.#process;
  }

  /** What the process says of its cluster once it listens to peers and clients; undefined when it ended before. */
  async #ready(child: EtcdMemberProcess, signal: AbortSignal): Promise<PeerAnswer | undefined> {
    const { clock } = this.#modules;
    const look = async (deadline: AbortSignal) => {
      for (;;) {
        const own = await askPeer(this.#ownPeerListener(), { clock, signal: deadline });
        const isListening = own !== undefined && (await isAccepting(this.#clientListen ?? ''));
        // Another process may answer at addresses that this one did not get.
        if (child.hasEnded) return undefined;
        if (isListening) return own;
        await Promise.race([clock.sleep(lookEveryMs, deadline), child.ended]);
      }
    };
    try {
      return await withDeadline(clock, 'etcd', readyTimeoutMs, look, signal);
    } catch (error) {
      if (!hasCode(error, 'DEADLINE_EXCEEDED')) throw error;
      throw this.#failure(`did not get ready within ${readyTimeoutMs} ms`);
    }
  }

  /** An empty folder under a name that runs elsewhere is a mistyped folder or id, not a lost disk. */
  async #refuseTwin(signal: AbortSignal): Promise<void> {
    const { nodeId, peers } = this.#options;
    const address = peers[nodeId] ?? '';
    const twin = await askPeer(address, { clock: this.#modules.clock, signal });
    if (twin === undefined) return;
    throw new StratumError('ETCD_FAILED', `another process runs the etcd member ${nodeId} at ${address}`, undefined, {
      hint: 'check --id and --data-dir: this folder is empty',
    });
  }

  /** Whether etcd has written its log of votes and changes. */
  #hasData(): boolean {
    return existsSync(join(this.#options.folder, 'member', 'wal'));
  }

  /** The own peer listener as this process reaches it. */
  #ownPeerListener(): string {
    const { nodeId, peers, peerListen } = this.#options;
    return (peerListen ?? peers[nodeId] ?? '').replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:');
  }

  /** Rejects when the process ends because the others have removed it. */
  async #waitForRemoval(signal: AbortSignal): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    try {
      const { clock } = this.#modules;
      const how = await withDeadline(clock, 'word of the others', removalTimeoutMs, () => child.ended, signal);
      throw this.#failure(how);
    } catch (error) {
      // The others may lag behind and not have heard of it yet: etcd itself has not been turned away.
      if (!hasCode(error, 'DEADLINE_EXCEEDED')) throw error;
    }
  }

  /** Starts the process again whenever it ends, until the stop. */
  async #keepRunning(plan: JoinPlan): Promise<void> {
    const { clock, random, log } = this.#modules;
    const { signal: stopping } = this.#stopping;
    let failures = 0;
    let hadData = this.#hasData();
    for (let child = this.#process; child !== undefined && !stopping.aborted; ) {
      const startedMs = clock.monotonicMs();
      const how = await child.ended;
      if (stopping.aborted) return;
      failures = clock.monotonicMs() - startedMs >= wellAfterMs ? 1 : failures + 1;
      const { code, message, hint } = this.#failure(how);
      const pauseMs = Math.round(backoffMs(failures, backoff, random));
      log.error({ code, error: message, hint, failures, pauseMs }, 'the etcd member ended; it is started again');
      // Only a stop ends the pause early; the condition below sees it.
      await clock.sleep(pauseMs, stopping).catch(() => undefined);
      if (stopping.aborted) return;
      if (hadData && !this.#hasData()) {
        const wiped = 'its folder was emptied while it ran: with no memory of its votes it is not started again';
        const hint = `stratum cluster member remove ${this.#options.nodeId}, then member add, then restart this process`;
        log.error({ code: 'UNSAFE', error: wiped, hint }, 'the etcd member is given up');
        return;
      }
      hadData = this.#hasData();
      child = this.#spawn(plan);
      log.info({ pid: child.pid, endpoint: this.endpoint }, 'etcd member started again');
    }
  }

  #failure(how: string): StratumError {
    const { nodeId, logFile } = this.#options;
    return memberFailure({ nodeId, how, lines: this.#output.lastLines(), logFile });
  }

  #trim(): void {
    try {
      this.#output.trim();
    } catch (error) {
      this.#modules.log.warn({ error: explain(error) }, 'the log of the etcd member cannot be trimmed');
    }
  }
}
