import { StratumError } from '../base/errors.ts';
import type { RefLines } from './encoded-refs.ts';
import { inBatches } from './pkt-batches.ts';
import { encodePkt, flushPkt } from './pkt-line.ts';
import { type GitRef, type RefSnapshot, resolveHead } from './ref-snapshot.ts';

/** The arguments of `ls-refs`. */
export interface LsRefsRequest {
  readonly peel: boolean;
  readonly symrefs: boolean;
  readonly unborn: boolean;
  /** Empty for all refs. */
  readonly prefixes: readonly string[];
}

/** Prefixes above which git sends all refs instead (MAX_ALLOWED_PREFIXES of ls-refs.c: 65536). */
export const refPrefixesMax = 65_536;

/** Reads the arguments of `ls-refs`; PROTOCOL_ERROR for one that is unknown. */
export function parseLsRefs(args: readonly string[]): LsRefsRequest {
  let [peel, symrefs, unborn] = [false, false, false];
  let prefixes: string[] = [];
  let prefixCount = 0;
  for (const arg of args) {
    if (arg === 'peel') peel = true;
    else if (arg === 'symrefs') symrefs = true;
    else if (arg === 'unborn') unborn = true;
    else if (arg.startsWith('ref-prefix ')) {
      prefixCount += 1;
      if (prefixCount <= refPrefixesMax) prefixes.push(arg.slice('ref-prefix '.length));
    } else throw new StratumError('PROTOCOL_ERROR', `unexpected line: '${arg.slice(0, 200)}'`);
  }
  // Filtering is an economy that a client must not rely on, so too many prefixes mean none.
  if (prefixCount > refPrefixesMax || prefixes.includes('')) prefixes = [];
  return { peel, symrefs, unborn, prefixes };
}

/** The response to `ls-refs`. */
export function encodeLsRefs(snapshot: RefSnapshot, lines: RefLines, request: LsRefsRequest): Iterable<Buffer> {
  const { prefixes } = request;
  const encoded = lines(request.peel ? 'attribute' : 'plain');
  const isHeadWanted = prefixes.length === 0 || prefixes.some((prefix) => 'HEAD'.startsWith(prefix));
  return inBatches(
    (function* () {
      if (isHeadWanted) yield* headLine(snapshot, request);
      if (prefixes.length === 0) yield encoded.all;
      else yield* encoded.withPrefixes(snapshot.refs, prefixes);
      yield flushPkt;
    })(),
  );
}

function* headLine(snapshot: RefSnapshot, request: LsRefsRequest): Generator<Buffer, void, undefined> {
  const target = request.symrefs ? ` symref-target:${snapshot.head}` : '';
  const head = resolveHead(snapshot);
  if (head !== undefined) yield encodePkt(`${head.objectId} HEAD${target}${peeled(head, request)}\n`);
  else if (request.unborn && request.symrefs) yield encodePkt(`unborn HEAD${target}\n`);
}

function peeled(ref: GitRef, request: LsRefsRequest): string {
  return request.peel && ref.peeledId !== '' ? ` peeled:${ref.peeledId}` : '';
}
