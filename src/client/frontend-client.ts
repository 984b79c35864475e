import type { Clock } from '../base/clock.ts';
import { hasCode, StratumError } from '../base/errors.ts';
import { type CallTarget, callServerStream, callUnary } from '../rpc/call.ts';
import type { ChannelPool } from '../rpc/channel-pool.ts';
import { FrontendServiceClient, CacheVerdict as WireVerdict } from '../rpc/gen/stratum/v1/frontend.ts';
import type {
  CacheExplanation,
  CacheStats,
  CacheVerdict,
  CloneQuestion,
  FrontendApi,
  MaintenanceProgress,
  MaintenanceRequest,
  Purged,
  PurgeRequest,
  WarmedClone,
} from './frontend-api.ts';

/** Whom to call. */
export interface FrontendClientOptions {
  readonly nodeId: string;
  /** host:port of its gRPC listener. */
  readonly endpoint: string;
  /** Milliseconds for an answer, and for the first step of a repacking. */
  readonly timeoutMs: number;
}

/** What a client calls with. */
export interface FrontendClientModules {
  readonly channels: ChannelPool;
  readonly clock: Clock;
}

/**
 * Milliseconds for a response to be prepared: as long as git may take for one (git.uploadPackTimeoutMs), and the packs
 * to be fetched before. A frontend that is gone is noticed by the channel's probes long before.
 */
const warmTimeoutMs = 3_600_000;

/** Milliseconds for a repacking to be followed: longer than the largest repository takes. */
const followTimeoutMs = 86_400_000;

/** Calls one frontend at its address; it is never repeated here: who has another frontend asks that one. */
export class FrontendClient implements FrontendApi {
  readonly nodeId: string;
  readonly endpoint: string;
  readonly #timeoutMs: number;
  readonly #modules: FrontendClientModules;

  constructor(options: FrontendClientOptions, modules: FrontendClientModules) {
    this.nodeId = options.nodeId;
    this.endpoint = options.endpoint;
    this.#timeoutMs = options.timeoutMs;
    this.#modules = modules;
  }

  async cacheStats(signal: AbortSignal): Promise<CacheStats> {
    const client = this.#client();
    const call = callUnary(client.getCacheStats.bind(client), {}, this.#target('GetCacheStats', signal));
    const { nodeId: _, hitBytes, savedMs, ...counts } = await this.#answerOf(call);
    return {
      ...counts,
      hits: Number(counts.hits),
      joins: Number(counts.joins),
      misses: Number(counts.misses),
      bypasses: Number(counts.bypasses),
      sharedHits: Number(counts.sharedHits),
      sharedMisses: Number(counts.sharedMisses),
      hitBytes: Number(hitBytes),
      savedMs: Number(savedMs),
      entries: Number(counts.entries),
      entryBytes: Number(counts.entryBytes),
      entryBytesMax: Number(counts.entryBytesMax),
      repositories: Number(counts.repositories),
      repositoryBytes: Number(counts.repositoryBytes),
      repositoryBytesMax: Number(counts.repositoryBytesMax),
      warmed: Number(counts.warmed),
      evictions: Number(counts.evictions),
      unstored: Number(counts.unstored),
    };
  }

  async explainCache(question: CloneQuestion, signal: AbortSignal): Promise<CacheExplanation> {
    const client = this.#client();
    const target = this.#target('ExplainCache', signal);
    const call = callUnary(client.explainCache.bind(client), wireQuestion(question), target);
    const { verdict, reason, key, ref, objectId, size, storedAtMs, usedAtMs } = await this.#answerOf(call);
    const entry = { sizeBytes: Number(size), storedAtMs: Number(storedAtMs), usedAtMs: Number(usedAtMs) };
    return {
      verdict: this.#verdictOf(verdict),
      reason,
      key: key.length === 0 ? undefined : key.toString('hex'),
      ref,
      objectId,
      entry: storedAtMs === 0n ? undefined : entry,
    };
  }

  async warmCache(question: CloneQuestion, signal: AbortSignal): Promise<WarmedClone> {
    const client = this.#client();
    const target = this.#target('WarmCache', signal, warmTimeoutMs);
    const call = callUnary(client.warmCache.bind(client), wireQuestion(question), target);
    const { wasStored, size, ref, objectId } = await this.#answerOf(call);
    return { wasStored, sizeBytes: Number(size), ref, objectId };
  }

  async purgeCache({ repo = '', repositories, dryRun }: PurgeRequest, signal: AbortSignal): Promise<Purged> {
    const client = this.#client();
    const request = { repo, repositories, dryRun };
    const call = callUnary(client.purgeCache.bind(client), request, this.#target('PurgeCache', signal));
    const purged = await this.#answerOf(call);
    return {
      entries: Number(purged.entries),
      entryBytes: Number(purged.entryBytes),
      repositories: Number(purged.repositories),
      repositoryBytes: Number(purged.repositoryBytes),
    };
  }

  async *maintainRepo(
    request: MaintenanceRequest,
    signal: AbortSignal,
  ): AsyncGenerator<MaintenanceProgress, void, undefined> {
    const client = this.#client();
    const silence = new AbortController();
    const timer = this.#modules.clock.after(this.#timeoutMs, () => silence.abort(this.#silent('MaintainRepo')));
    const either = AbortSignal.any([signal, silence.signal]);
    const target = this.#target('MaintainRepo', either, followTimeoutMs);
    let isDone = false;
    try {
      for await (const message of callServerStream(client.maintainRepo.bind(client), request, target)) {
        timer.cancel();
        const { nodeId: _, bytesBefore, bytesAfter, ...rest } = message;
        isDone = rest.done;
        yield { ...rest, bytesBefore: Number(bytesBefore), bytesAfter: Number(bytesAfter) };
      }
    } catch (error) {
      throw this.#explained(error);
    } finally {
      timer.cancel();
    }
    if (!isDone) throw this.#brokenOff();
  }

  #client(): FrontendServiceClient {
    return this.#modules.channels.client(FrontendServiceClient, this.endpoint);
  }

  #target(method: string, signal: AbortSignal, timeoutMs = this.#timeoutMs): CallTarget {
    const { clock } = this.#modules;
    return { endpoint: this.endpoint, method: `FrontendService.${method}`, timeoutMs, clock, signal };
  }

  async #answerOf<T>(call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** A frontend that does not know the call says so in gRPC's words, which help nobody. */
  #explained(error: unknown): unknown {
    if (!hasCode(error, 'UNIMPLEMENTED')) return error;
    const message = `${this.nodeId} runs a version of Stratum that cannot be asked this`;
    const hint = 'restart it with the present version; "stratum node list -o wide" shows the versions';
    return new StratumError('UNIMPLEMENTED', message, undefined, { hint, cause: error });
  }

  #verdictOf(verdict: WireVerdict): CacheVerdict {
    switch (verdict) {
      case WireVerdict.HIT:
        return 'hit';
      case WireVerdict.JOIN:
        return 'join';
      case WireVerdict.MISS:
        return 'miss';
      default: {
        const message = `${this.nodeId} answers with a verdict that this version of Stratum does not know`;
        const hint = 'use the version of "stratum" that the frontend runs';
        throw new StratumError('UNIMPLEMENTED', message, undefined, { hint });
      }
    }
  }

  #silent(method: string): StratumError {
    const timeoutMs = this.#timeoutMs;
    const message = `FrontendService.${method} at ${this.endpoint} gave no answer within ${Math.round(timeoutMs)} ms`;
    return new StratumError('DEADLINE_EXCEEDED', message, { endpoint: this.endpoint, method, timeoutMs });
  }

  /** A frontend that stops ends its streams in order. */
  #brokenOff(): StratumError {
    const message = `${this.nodeId} ended before the repacking did`;
    const hint = 'what it had not swapped yet is as before; the same command begins again';
    return new StratumError('UNREACHABLE', message, { endpoint: this.endpoint, method: 'MaintainRepo' }, { hint });
  }
}

function wireQuestion({ repo, ref = '', depth }: CloneQuestion) {
  return { repo, ref, depth };
}
