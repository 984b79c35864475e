import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { asStratumError, explain, hasCode, StratumError } from '../base/errors.ts';
import type { Part } from '../base/lifecycle.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { WakeablePause } from '../base/wakeable-pause.ts';
import { coordinatorBackoff } from '../client/coordinator-backoff.ts';
import type { CoordinatorClient, Registered } from '../client/coordinator-client.ts';
import type { NodeStats } from '../rpc/gen/stratum/v1/types.ts';
import type { NodeRegistration, ReportedState, SilentPrimary, Topology } from '../topology/topology.ts';

/** The last word of a process that ends is worth this much of the time that it has left. */
const defaultStopTimeoutMs = 1_000;

/** Only a person can mend a foreign cluster, and each try leaves two changes in it. */
const refusedPauseMs = 30_000;

/** What a process says of itself. */
export interface MembershipOptions {
  readonly registration: NodeRegistration;
  /** The cluster that the data folder belongs to; undefined for a new folder. */
  readonly clusterId?: string | undefined;
  /** The process before this one ended in order; absent: not for certain. */
  readonly afterCleanStop?: boolean;
  /** Milliseconds for the last heartbeat. */
  readonly stopTimeoutMs?: number;
}

/** What a membership works with. */
export interface MembershipModules {
  readonly client: Pick<CoordinatorClient, 'registerNode' | 'deregisterNode' | 'heartbeat'>;
  /** Told when it stays behind what the leader names. */
  readonly view: { current(): Topology | undefined; catchUpTo(version: bigint): void };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Whether the process serves. */
  readonly ready: () => boolean;
  /** The process's load; may take its time, heartbeats do not wait for it. */
  readonly stats: () => Promise<NodeStats>;
  /**
   * Primaries that this process, as an in-sync replica, does not hear now; absent where there is no such role. Asked
   * for each heartbeat: whoever sees them change calls `announce`.
   */
  readonly silentPrimaries?: () => readonly SilentPrimary[];
  readonly onRegistered?: (registered: Registered) => void;
  /**
   * The cluster refuses this process for good: ZOMBIE_NODE (a newer one has its place), UNSAFE (it
   * lacks the data that is placed on it, or the coordinators belong to another cluster) or
   * INVALID_ARGUMENT. Called once; nothing is sent afterwards.
   */
  readonly onRefused: (error: StratumError) => void;
}

/**
 * A process's place in the cluster: registers it, tells the leader in regular heartbeats how it is,
 * registers again when the leader does not know it, and says STOPPING at its end. It waits for
 * no coordinator: without one it goes on trying, and the process works from its cached topology.
 */
export class Membership implements Part {
  readonly name = 'membership';
  readonly #options: MembershipOptions;
  readonly #modules: MembershipModules;
  readonly #stopped = new AbortController();
  /** Ends early for an announcement or a stop. */
  readonly #pause: WakeablePause;
  readonly #firstRegistration = Promise.withResolvers<void>();
  #running: Promise<void> = Promise.resolve();
  #clusterId: string | undefined;
  #isRegistered = false;
  #hasBeenRegistered = false;
  #isRefused = false;
  #intervalMs = 1_000;
  #namedVersion = 0n;
  #stats: NodeStats | undefined;
  #isCollecting = false;

  constructor(options: MembershipOptions, modules: MembershipModules) {
    this.#options = options;
    this.#modules = modules;
    this.#pause = new WakeablePause(modules);
    this.#clusterId = options.clusterId;
    this.#firstRegistration.promise.catch(() => undefined); // Nobody has to wait for it.
  }

  start(): Promise<void> {
    this.#running = this.#run(this.#stopped.signal);
    return Promise.resolve();
  }

  /** Says STOPPING, within a short time or not at all. */
  async stop(): Promise<void> {
    this.#stopped.abort(new StratumError('SHUTTING_DOWN', 'the process ends'));
    this.#firstRegistration.reject(this.#stopped.signal.reason);
    await this.#running;
    if (!this.#isRegistered || this.#isRefused) return;
    const { stopTimeoutMs: timeoutMs = defaultStopTimeoutMs } = this.#options;
    try {
      await this.#modules.client.heartbeat(this.#report('STOPPING'), { timeoutMs });
    } catch (error) {
      // The failure detector finds out by itself.
      this.#modules.log.debug({ error: explain(error) }, 'the coordinators were not told of the end');
    }
  }

  /** Resolves when the cluster has taken this process in; rejects when it is refused, stopped, or with the signal's reason. */
  async whenRegistered(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      await Promise.race([this.#firstRegistration.promise, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Something has changed (readiness, primaries that are not heard): the next heartbeat goes out now. */
  announce(): void {
    this.#pause.wake();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#modules;
    for (let failures = 0; !signal.aborted; ) {
      const beganMs = clock.monotonicMs();
      let pauseMs = this.#intervalMs;
      this.#pause.rearm();
      try {
        if (!this.#isRegistered) await this.#register(signal);
        await this.#beat(signal);
        failures = 0;
        // A little early rather than late, so that nodes that started together drift apart.
        pauseMs = this.#intervalMs * (0.9 + random.next() / 10) - (clock.monotonicMs() - beganMs);
      } catch (error) {
        if (signal.aborted) return;
        const failure = asStratumError(error);
        if (this.#isFinal(failure)) {
          this.#refuse(failure);
          return;
        }
        failures += 1;
        this.#note(failure, failures);
        pauseMs = hasCode(failure, 'UNSAFE')
          ? refusedPauseMs
          : Math.min(this.#intervalMs, backoffMs(failures, coordinatorBackoff, random));
      }
      await this.#pause.wait(pauseMs, signal);
    }
  }

  async #register(signal: AbortSignal): Promise<void> {
    const { client, log, onRegistered } = this.#modules;
    const { registration, afterCleanStop = false } = this.#options;
    const registered = await client.registerNode(registration, { signal, afterCleanStop });
    const { clusterId, version } = registered;
    if (this.#clusterId !== undefined && clusterId !== this.#clusterId) {
      await client.deregisterNode(registration.id, registration.generationId, { signal });
      const message = `the coordinators serve cluster ${clusterId}; the data folder belongs to ${this.#clusterId}`;
      throw new StratumError('UNSAFE', message, undefined, {
        hint: 'check --coordinator and the coordinators’ own data folder; to join another cluster, start with an empty folder',
      });
    }
    this.#clusterId = clusterId;
    this.#intervalMs = registered.heartbeatIntervalMs;
    this.#isRegistered = true;
    this.#hasBeenRegistered = true;
    log.info({ cluster: clusterId, version }, 'registered');
    onRegistered?.(registered);
    this.#firstRegistration.resolve();
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { client, ready, view } = this.#modules;
    this.#collectStats();
    const report = this.#report(ready() ? 'READY' : 'STARTING');
    const answer = await client.heartbeat(report, { timeoutMs: this.#intervalMs, signal });
    this.#intervalMs = answer.heartbeatIntervalMs;
    // The watch brings news by itself; it is stuck when it lacks what the leader named a whole interval ago.
    if (report.knownVersion < this.#namedVersion) view.catchUpTo(answer.version);
    this.#namedVersion = answer.version;
  }

  #report(reportedState: ReportedState) {
    const { id: nodeId, generationId } = this.#options.registration;
    const knownVersion = this.#modules.view.current()?.version ?? 0n;
    const silentPrimaries = this.#modules.silentPrimaries?.() ?? [];
    return { nodeId, generationId, knownVersion, reportedState, stats: this.#stats, silentPrimaries };
  }

  /** Heartbeats carry the latest figures that are there. */
  #collectStats(): void {
    if (this.#isCollecting) return;
    this.#isCollecting = true;
    Promise.try(this.#modules.stats)
      .then((stats) => {
        this.#stats = stats;
      })
      .catch((error: unknown) => this.#modules.log.warn({ error: explain(error) }, 'the load could not be measured'))
      .finally(() => {
        this.#isCollecting = false;
      });
  }

  /** A running process outlives a coordinator that has lost its cluster; one that starts must not join another. */
  #isFinal(error: StratumError): boolean {
    if (hasCode(error, 'ZOMBIE_NODE') || hasCode(error, 'INVALID_ARGUMENT')) return true;
    return hasCode(error, 'UNSAFE') && !this.#hasBeenRegistered;
  }

  #refuse(error: StratumError): void {
    this.#isRefused = true;
    this.#firstRegistration.reject(error);
    this.#modules.log.error({ code: error.code, error: error.message, hint: error.hint }, 'refused by the cluster');
    this.#modules.onRefused(error);
  }

  #note(error: StratumError, failures: number): void {
    const { log } = this.#modules;
    const fields = { code: error.code, error: error.message, failures };
    if (hasCode(error, 'NODE_NOT_FOUND')) {
      this.#isRegistered = false;
      log.info(fields, 'not known to the coordinators; registers again');
    } else if (failures === 1) log.warn(fields, 'no heartbeat was taken; goes on trying');
    else log.debug(fields, 'no heartbeat was taken; goes on trying');
  }
}
