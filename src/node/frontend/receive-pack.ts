import type { Clock } from '../../base/clock.ts';
import { asStratumError, explain, hasCode, StratumError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { ByteReader } from '../../git/byte-reader.ts';
import type { GitRunner } from '../../git/git-runner.ts';
import { isZeroId } from '../../git/object-id.ts';
import { type ReceivePackRequest, readReceivePackRequest } from '../../git/receive-pack-request.ts';
import type { ObjectApi } from '../../replication/object-api.ts';
import { abortable } from './abortable.ts';
import type { BareRepositoryCache, CachedRepository } from './bare-repository-cache.ts';
import { findDisconnected } from './connectivity.ts';
import type { Exchange } from './exchange.ts';
import { type ObjectFacts, readObjectFacts } from './object-facts.ts';
import { absentFromPack } from './pack-objects.ts';
import { publishPack } from './pack-publisher.ts';
import { type ReceivedPack, receivePack } from './pack-receiver.ts';
import { failureWords } from './push-failure.ts';
import { applyAtomic, type JudgedCommand, judgeCommands, judgeValues } from './push-rules.ts';
import { PushTalk } from './push-talk.ts';
import type { Quarantine, QuarantineFolder } from './quarantine.ts';
import type { RepositoryRefs } from './ref-reader.ts';
import { type RefUpdateModules, updateRefs } from './ref-update.ts';
import { readBody } from './request-body.ts';

/** What a frontend allows pushes. */
export interface ReceivePackOptions {
  /** The first push to a name creates the repository. */
  readonly createOnPush: boolean;
  /** Largest body of a push, decompressed. */
  readonly receivePackBytesMax: number;
}

/** What pushes work with. */
export interface ReceivePackModules extends RefUpdateModules {
  readonly clock: Clock;
  readonly log: Logger;
  readonly git: GitRunner;
  readonly cache: BareRepositoryCache;
  readonly objects: ObjectApi;
  readonly quarantines: QuarantineFolder;
  /** Hears of every push that changed something. */
  readonly onPushed: (changed: RepositoryRefs) => void;
}

/** One push on its way. */
interface Push {
  readonly repo: string;
  readonly request: ReceivePackRequest;
  /** Undefined for a repository that the push creates. */
  readonly target: RepositoryRefs | undefined;
  readonly commands: readonly JudgedCommand[];
  readonly pack: AsyncIterable<Buffer>;
  readonly talk: PushTalk;
  readonly signal: AbortSignal;
}

/** What is known of a pushed pack after git has looked at it. */
interface Unpacked {
  readonly facts: ReadonlyMap<string, ObjectFacts>;
  /** The pack list in which the objects were looked for that the push builds on; undefined when it builds on none. */
  readonly packsGeneration?: bigint | undefined;
}

/**
 * POST git-receive-pack. Commands are judged, the pack is indexed and checked in a quarantine, its
 * files become durable blobs, the refs are swapped, and only then is it reported. Whatever fails
 * before the swap leaves nothing that is referenced.
 */
export class ReceivePack {
  readonly #options: ReceivePackOptions;
  readonly #modules: ReceivePackModules;

  constructor(options: ReceivePackOptions, modules: ReceivePackModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Serves one push. What is thrown before the response has begun is the client's HTTP error. */
  async serve(exchange: Exchange, repo: string): Promise<void> {
    const { signal } = exchange;
    const limits = { bytesMax: this.#options.receivePackBytesMax };
    const reader = new ByteReader(readBody(exchange.request, exchange.response, limits));
    const request = await readReceivePackRequest(reader);
    const talk = new PushTalk(request, { exchange, clock: this.#modules.clock });
    if (request.commands.length === 0) {
      await exchange.answer('application/x-git-receive-pack-result', []); // A client's probe.
      return;
    }
    const target = await this.#findTarget(repo, request, signal);
    const commands = judgeCommands(request.commands, target?.snapshot.head);
    applyAtomic(commands, request.atomic);
    const push: Push = { repo, request, target, commands, pack: reader.rest(), talk, signal };
    try {
      await this.#carryOut(push);
      await talk.report({ unpack: 'ok', results: commands });
    } catch (error) {
      if (!this.#isReportable(error, exchange)) throw error;
      const results = commands.map(({ name, error: refusal }) => ({ name, error: refusal ?? 'unpacker error' }));
      await talk.report({ unpack: failureWords(asStratumError(error)), results });
    } finally {
      talk.hush();
      this.#logEnd(push);
    }
  }

  async #findTarget(
    repo: string,
    request: ReceivePackRequest,
    signal: AbortSignal,
  ): Promise<RepositoryRefs | undefined> {
    try {
      const target = await this.#modules.refs.read(repo, signal);
      const { objectFormat } = target.snapshot;
      if (request.objectFormat === objectFormat) return target;
      throw new StratumError(
        'PROTOCOL_ERROR',
        `mismatched object format: server ${objectFormat}; client ${request.objectFormat}`,
      );
    } catch (error) {
      const creates = this.#options.createOnPush && request.hasPack && hasCode(error, 'REPO_NOT_FOUND');
      if (!creates) throw error;
      return undefined;
    }
  }

  async #carryOut(push: Push): Promise<void> {
    if (!needsPack(push)) {
      await this.#swap(push, { facts: new Map() }, undefined);
      return;
    }
    if (push.target === undefined) await this.#unpackAndSwap(push, undefined);
    else await this.#modules.cache.use(push.repo, push.signal, (base) => this.#unpackAndSwap(push, base));
  }

  async #unpackAndSwap(push: Push, base: CachedRepository | undefined): Promise<void> {
    const quarantine = await this.#modules.quarantines.create(push.request.objectFormat, base?.path);
    let settled: Promise<void> = Promise.resolve();
    try {
      const pack = await this.#receive(push, quarantine);
      // Stored while it is judged: of what is refused blobs are left that nothing refers to.
      const publication =
        pack.objectCount > 0 ? publishPack(this.#modules.objects, pack, quarantine.path, push.signal) : undefined;
      settled = publication?.settled ?? settled;
      publication?.published.catch(() => undefined); // Of a push that is refused nobody waits for it.
      const unpacked = { facts: await this.#judge(push, quarantine, pack), packsGeneration: base?.packsGeneration };
      if (publication === undefined || !needsPack(push)) {
        await this.#swap(push, unpacked, undefined);
        return;
      }
      const published = await abortable(publication.published, push.signal);
      if (published.degraded) push.talk.message('stratum: stored with reduced redundancy; repair will follow');
      const changed = await this.#swap(push, unpacked, published.ref);
      if (changed !== undefined) await this.#adopt(changed, pack.name, quarantine);
    } finally {
      // The writes that go on in the background read the quarantined files.
      settled.then(() => quarantine.remove()).catch((error: unknown) => this.#logLeftover(quarantine, error));
    }
  }

  #receive(push: Push, { path }: Quarantine): Promise<ReceivedPack> {
    const { talk, pack, signal } = push;
    talk.keepAlive();
    const onProgress = talk.verbose ? (text: Buffer) => talk.progress(text) : undefined;
    const packBytesMax = this.#options.receivePackBytesMax;
    return receivePack(this.#modules.git, { path, pack, packBytesMax, onProgress, fairKey: keyOf(push), signal });
  }

  /** Refuses the commands whose objects are not all there or not what the ref needs; what git says of the others. */
  async #judge(push: Push, { path }: Quarantine, pack: ReceivedPack): Promise<ReadonlyMap<string, ObjectFacts>> {
    const { git } = this.#modules;
    const question = { gitDir: path, signal: push.signal, fairKey: keyOf(push) };
    const newIds = wantedOf(push).flatMap(({ newId }) => (isZeroId(newId) ? [] : [newId]));
    // Of a pack that leads nowhere else git has looked at every link already.
    const doubtful = pack.isSelfContained ? await absentFromPack(path, pack.name, newIds) : newIds;
    const disconnected = await findDisconnected(git, doubtful, question);
    const facts = await readObjectFacts(git, newIds, question);
    judgeValues(push.commands, disconnected, facts, push.request.shallowIds.length > 0);
    applyAtomic(push.commands, push.request.atomic);
    return facts;
  }

  async #swap(
    push: Push,
    { facts, packsGeneration }: Unpacked,
    pack: Parameters<typeof updateRefs>[0]['packs'][number] | undefined,
  ): Promise<RepositoryRefs | undefined> {
    const { repo, target, request } = push;
    const { objectFormat, atomic } = request;
    const packs = pack === undefined ? [] : [pack];
    const update = { repo, target, objectFormat, atomic, facts, packs, packsGeneration };
    const changed = await updateRefs(update, push.commands, this.#modules);
    if (changed !== undefined) this.#modules.onPushed(changed);
    return changed;
  }

  async #adopt(target: RepositoryRefs, packName: string, quarantine: Quarantine): Promise<void> {
    try {
      await this.#modules.cache.adopt(target, packName, quarantine.path);
    } catch (error) {
      // The push is accepted and durable; the cache will download what it could not take over.
      this.#modules.log.warn({ repo: target.repo.name, reason: explain(error) }, 'pack not taken into the cache');
    }
  }

  /** Whether a failure is told in the protocol; nobody hears it when the client is gone. */
  #isReportable(error: unknown, exchange: Exchange): boolean {
    if (exchange.signal.aborted) return false;
    return exchange.begun || !hasCode(error, 'OVERLOADED');
  }

  #logEnd({ repo, commands, signal, request }: Push): void {
    const refused = commands.filter((command) => command.error !== undefined).length;
    const fields = { repo, refs: commands.length, refused, gone: signal.aborted, agent: request.agent };
    this.#modules.log.info(fields, 'push ended');
  }

  #logLeftover(quarantine: Quarantine, error: unknown): void {
    this.#modules.log.warn({ path: quarantine.path, reason: explain(asStratumError(error)) }, 'quarantine not removed');
  }
}

function keyOf({ repo, target }: Push): string {
  return target?.repo.id ?? repo;
}

function wantedOf(push: Push): JudgedCommand[] {
  return push.commands.filter((command) => command.error === undefined);
}

/** Whether a command that is not refused brings objects; else the pack, if one follows, is not looked at. */
function needsPack(push: Push): boolean {
  return wantedOf(push).some((command) => !isZeroId(command.newId));
}
