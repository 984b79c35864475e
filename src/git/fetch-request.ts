import { isPlainFilter } from './fetch-filter.ts';
import { isObjectId, type ObjectFormat } from './object-id.ts';
import { delimPkt, flushPkt, pktPrefix } from './pkt-line.ts';
import { refNameFault } from './ref-name.ts';

/** An argument of `fetch` that stands alone on its line. */
export type FetchOption = (typeof fetchOptions)[number];

/** In the order in which git's own client sends them; `done` comes last of all. */
const fetchOptions = [
  'wait-for-done',
  'thin-pack',
  'no-progress',
  'include-tag',
  'ofs-delta',
  'deepen-relative',
  'done',
] as const;

/** The arguments of a `fetch` of protocol v2. Object ids are lower-case hex. */
export interface FetchRequest {
  readonly wants: readonly string[];
  /** Full names of refs whose objects are wanted. */
  readonly wantRefs: readonly string[];
  readonly haves: readonly string[];
  /** The commits whose parents the client does not have. */
  readonly shallows: readonly string[];
  /** Commits of history from the wants on, or beyond the client's boundary with `deepen-relative`. */
  readonly depth: number | undefined;
  /** Seconds since 1970. */
  readonly deepenSince: number | undefined;
  /** Refs whose history is left out, named as `git rev-parse` would take them. */
  readonly deepenNots: readonly string[];
  readonly filter: string | undefined;
  readonly options: ReadonlySet<FetchOption>;
}

/** Largest depth that git takes (an int), which its client sends for `--unshallow`. */
const depthMax = 2_147_483_647;

/**
 * Lines above which a request is left to git, as nobody sends such a one twice: to sort and name
 * 600,000 of them would keep everybody else waiting for three seconds.
 */
const linesMax = 65_536;

/**
 * Reads the arguments of a `fetch`; undefined when git has to judge them itself: lines that are
 * unknown, malformed, too many or spelled in an unusual way, filters that depend on refs or may be
 * refused, and requests that want nothing.
 */
export function parseFetch(args: readonly string[], format: ObjectFormat): FetchRequest | undefined {
  if (args.length > linesMax) return undefined;
  const draft = new FetchDraft(format);
  if (!args.every((arg) => draft.add(arg))) return undefined;
  return draft.wants.length + draft.wantRefs.length === 0 ? undefined : draft;
}

/**
 * The one form of all requests that the same response answers: lists sorted and without
 * repetitions, no progress messages, and no option that changes nothing here.
 */
export function canonicalFetch(request: FetchRequest): FetchRequest {
  const options = new Set(request.options).add('no-progress');
  // Without objects on the client's side there is none that a delta could leave out.
  if (request.haves.length + request.shallows.length === 0) options.delete('thin-pack');
  if (request.depth === undefined) options.delete('deepen-relative');
  return {
    wants: sortedUnique(request.wants),
    wantRefs: sortedUnique(request.wantRefs),
    haves: sortedUnique(request.haves),
    shallows: sortedUnique(request.shallows),
    depth: request.depth,
    deepenSince: request.deepenSince,
    deepenNots: sortedUnique(request.deepenNots),
    filter: request.filter,
    options,
  };
}

/** The body of the request, for `git upload-pack --stateless-rpc` with GIT_PROTOCOL=version=2. */
export function encodeFetch(request: FetchRequest, format: ObjectFormat): Buffer {
  // One text and one conversion: a buffer for each of thousands of haves took ten times as long.
  let text = `${encodeLine('command=fetch')}${encodeLine(`object-format=${format}`)}${delimPkt}`;
  for (const line of linesOf(request)) text += encodeLine(line);
  return Buffer.from(`${text}${flushPkt}`);
}

function* linesOf(request: FetchRequest): Generator<string, void, undefined> {
  const { options } = request;
  for (const option of fetchOptions) if (option !== 'done' && options.has(option)) yield option;
  for (const id of request.shallows) yield `shallow ${id}`;
  if (request.depth !== undefined) yield `deepen ${request.depth}`;
  if (request.deepenSince !== undefined) yield `deepen-since ${request.deepenSince}`;
  for (const name of request.deepenNots) yield `deepen-not ${name}`;
  if (request.filter !== undefined) yield `filter ${request.filter}`;
  for (const id of request.wants) yield `want ${id}`;
  for (const name of request.wantRefs) yield `want-ref ${name}`;
  for (const id of request.haves) yield `have ${id}`;
  if (options.has('done')) yield 'done';
}

function encodeLine(line: string): string {
  return `${pktPrefix(Buffer.byteLength(line) + 1)}${line}\n`;
}

function sortedUnique(texts: readonly string[]): readonly string[] {
  const isDone = texts.every((text, at) => at === 0 || (texts[at - 1] ?? '') < text);
  return isDone ? texts : [...new Set(texts)].sort();
}

/** A request while its lines are read. */
class FetchDraft implements FetchRequest {
  readonly wants: string[] = [];
  readonly wantRefs: string[] = [];
  readonly haves: string[] = [];
  readonly shallows: string[] = [];
  depth: number | undefined;
  deepenSince: number | undefined;
  readonly deepenNots: string[] = [];
  filter: string | undefined;
  readonly options = new Set<FetchOption>();
  readonly #format: ObjectFormat;

  constructor(format: ObjectFormat) {
    this.#format = format;
  }

  /** False when the line is git's to judge. */
  add(line: string): boolean {
    const at = line.indexOf(' ');
    if (at < 0) return this.#addOption(line);
    const value = line.slice(at + 1);
    switch (line.slice(0, at)) {
      case 'want':
        return this.#addId(this.wants, value);
      case 'have':
        return this.#addId(this.haves, value);
      case 'shallow':
        return this.#addId(this.shallows, value);
      case 'want-ref':
        return this.#addName(this.wantRefs, value, value);
      case 'deepen-not':
        // git looks for it below refs/, among other places.
        return this.#addName(this.deepenNots, value, value.startsWith('refs/') ? value : `refs/${value}`);
      case 'deepen':
        // Of several, git obeys the last.
        this.depth = integer(value, depthMax);
        return this.depth !== undefined;
      case 'deepen-since':
        this.deepenSince = integer(value, Number.MAX_SAFE_INTEGER);
        return this.deepenSince !== undefined;
      case 'filter':
        return this.#setFilter(value);
      default:
        return false;
    }
  }

  #addOption(line: string): boolean {
    const option = fetchOptions.find((known) => known === line);
    if (option === undefined) return false;
    this.options.add(option);
    return true;
  }

  #addId(ids: string[], id: string): boolean {
    if (!isObjectId(id, this.#format)) return false;
    ids.push(id);
    return true;
  }

  #addName(names: string[], name: string, fullName: string): boolean {
    if (name !== 'HEAD' && refNameFault(fullName) !== undefined) return false;
    names.push(name);
    return true;
  }

  #setFilter(filter: string): boolean {
    // A second filter makes git refuse the request.
    if (this.filter !== undefined || !isPlainFilter(filter, this.#format)) return false;
    this.filter = filter;
    return true;
  }
}

/** A whole number from 1 on in decimal digits; git would also take octal, hex and signs. */
function integer(text: string, max: number): number | undefined {
  if (!/^[1-9]\d{0,15}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}
