import { StratumError } from '../base/errors.ts';
import type { MetadataApi } from '../client/metadata-api.ts';
import type { Ref } from '../rpc/gen/stratum/v1/metadata.ts';
import { type RefDetail, refChangeItem, refItem } from './listings/ref-listing.ts';
import { readRepoLog } from './read-repo-log.ts';
import { refCandidates } from './ref-names.ts';

/** Refs for which each candidate is asked for by itself; of more all refs are read at once. */
const prefixesMax = 50;

/** Finds refs of one repository by what people call them. */
export class RefReader {
  readonly #repo: string;
  readonly #metadata: MetadataApi;

  constructor(options: { readonly repo: string }, modules: { readonly metadata: MetadataApi }) {
    this.#repo = options.repo;
    this.#metadata = modules.metadata;
  }

  /** The ref that each name stands for, with its last change, or a NOT_FOUND in its place. */
  async details(names: readonly string[]): Promise<(RefDetail | StratumError)[]> {
    const { refs, head } = await this.#read(names);
    const found: (RefDetail | StratumError)[] = [];
    for (const name of names) {
      const symbolicTarget = name === 'HEAD' ? head : '';
      const ref = resolve(name === 'HEAD' ? head : name, refs);
      found.push(ref === undefined ? this.#notFound(name, symbolicTarget) : await this.#detail(ref, symbolicTarget));
    }
    return found;
  }

  /** The full name that a name stands for; a branch that is no more when there is no such ref. */
  async fullName(name: string): Promise<string> {
    if (name.startsWith('refs/')) return name;
    const { refs, head } = await this.#read([name]);
    if (name === 'HEAD') return head;
    return resolve(name, refs)?.name ?? `refs/heads/${name}`;
  }

  async #read(names: readonly string[]): Promise<{ refs: ReadonlyMap<string, Ref>; head: string }> {
    const isHead = names.includes('HEAD');
    // Which branch HEAD is comes with the answer only.
    const prefixes = names.length > prefixesMax || isHead ? [] : names.flatMap(refCandidates);
    const request = { repo: this.#repo, ifGenerationNot: 0n, ifRepoId: '', prefixes };
    const { refs, repo } = await this.#metadata.getRefs(request);
    return { refs: new Map(refs.map((ref) => [ref.name, ref])), head: repo?.head ?? '' };
  }

  async #detail(ref: Ref, symbolicTarget: string): Promise<RefDetail> {
    const query = { repo: this.#repo, ref: ref.name, limit: 1, pageToken: '' };
    const [last] = (await readRepoLog(this.#metadata, query)).entries;
    const lastChange = last === undefined ? null : refChangeItem(last);
    const item = symbolicTarget === '' ? refItem(ref) : { ...refItem(ref), name: 'HEAD' };
    return { ...item, symbolicTarget, lastChange };
  }

  #notFound(id: string, symbolicTarget: string): StratumError {
    const born = symbolicTarget === '' ? '' : `: ${symbolicTarget} is not born yet`;
    const hint = `"stratum ref list ${this.#repo}" shows all`;
    return new StratumError('NOT_FOUND', `${this.#repo} has no ref ${id}${born}`, { kind: 'ref', id }, { hint });
  }
}

function resolve(name: string, refs: ReadonlyMap<string, Ref>): Ref | undefined {
  for (const candidate of refCandidates(name)) {
    const ref = refs.get(candidate);
    if (ref !== undefined) return ref;
  }
  return undefined;
}
