import { compareRefNames } from './compare-ref-names.ts';
import type { FetchRequest } from './fetch-request.ts';
import { delimPkt, encodePkt } from './pkt-line.ts';
import { findRef, type RefSnapshot } from './ref-snapshot.ts';

/** A request whose refs have become objects, and what is to be told of them. */
export interface ResolvedFetch {
  /** Without `want-ref`. */
  readonly request: FetchRequest;
  /** The section that tells the client which object each ref was; empty when it asked for none. */
  readonly section: Buffer;
}

/**
 * Turns each `want-ref` into a `want` of what the ref points at. Then clients that name refs and clients that name
 * objects are served by the same response; and git's own server sends the sections of such a request in an order
 * that its client refuses when the fetch is shallow. Undefined when a name is no ref: git has the words for that.
 */
export function resolveWantRefs(request: FetchRequest, refs: RefSnapshot): ResolvedFetch | undefined {
  if (request.wantRefs.length === 0) return { request, section: Buffer.alloc(0) };
  const lines = [encodePkt('wanted-refs\n')];
  const wants = [...request.wants];
  for (const name of [...new Set(request.wantRefs)].sort(compareRefNames)) {
    const id = findRef(refs, name)?.objectId;
    if (id === undefined) return undefined;
    wants.push(id);
    lines.push(encodePkt(`${id} ${name}\n`));
  }
  return { request: { ...request, wants, wantRefs: [] }, section: Buffer.concat([...lines, delimPkt]) };
}
