import { hasCode } from '../../base/errors.ts';
import { advertiseV2 } from '../../git/protocol-v2.ts';
import {
  advertiseForCreation,
  advertiseForReceivePack,
  advertiseForUploadPack,
  encodeServiceHeader,
} from '../../git/ref-advertisement.ts';
import type { GitService } from '../../git/repository-path.ts';
import type { BundleOffers } from './bundle-offers.ts';
import type { EncodedRefsCache } from './encoded-refs-cache.ts';
import type { Exchange } from './exchange.ts';
import type { RefReader, RepositoryRefs } from './ref-reader.ts';

/** What the advertisement says and allows. */
export interface InfoRefsOptions {
  /** "stratum/<version>". */
  readonly agent: string;
  readonly createOnPush: boolean;
}

/** What advertisements are made from. */
export interface InfoRefsModules {
  readonly refs: RefReader;
  readonly encodedRefs: EncodedRefsCache;
  readonly bundles: BundleOffers;
}

/** GET info/refs: the advertisement of a service, made from the metadata primary's refs without git. */
export class InfoRefs {
  readonly #options: InfoRefsOptions;
  readonly #modules: InfoRefsModules;

  constructor(options: InfoRefsOptions, modules: InfoRefsModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Serves one request; REPO_NOT_FOUND unless a push may create the repository. */
  async serve(exchange: Exchange, repo: string, service: GitService): Promise<void> {
    const { agent } = this.#options;
    const refs = await this.#read(exchange, repo, service);
    const contentType = `application/x-${service}-advertisement`;
    if (service === 'git-upload-pack' && exchange.protocolVersion === 2 && refs !== undefined) {
      const hasBundle = (await this.#modules.bundles.of(refs)) !== undefined;
      const { objectFormat } = refs.snapshot;
      await exchange.answer(contentType, [advertiseV2({ agent, objectFormat, hasBundle })]);
      return;
    }
    // A push knows no version 2: its clients ask for it all the same and take version 0.
    const options = { agent, version: exchange.protocolVersion === 1 ? 1 : 0 } as const;
    await exchange.answer(contentType, withHeader(service, this.#advertisement(refs, service, options)));
  }

  async #read(exchange: Exchange, repo: string, service: GitService): Promise<RepositoryRefs | undefined> {
    try {
      return await this.#modules.refs.read(repo, exchange.signal);
    } catch (error) {
      const creates = service === 'git-receive-pack' && this.#options.createOnPush;
      if (creates && hasCode(error, 'REPO_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  #advertisement(
    refs: RepositoryRefs | undefined,
    service: GitService,
    options: { readonly agent: string; readonly version: 0 | 1 },
  ): Iterable<Buffer> {
    if (refs === undefined) return advertiseForCreation(options);
    const lines = this.#modules.encodedRefs.linesOf(refs);
    return service === 'git-upload-pack'
      ? advertiseForUploadPack(refs.snapshot, lines, options)
      : advertiseForReceivePack(refs.snapshot, lines, options);
  }
}

function* withHeader(service: GitService, lines: Iterable<Buffer>): Generator<Buffer, void, undefined> {
  yield encodeServiceHeader(service);
  yield* lines;
}
