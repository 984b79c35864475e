import { firstIndex } from '../../base/first-index.ts';
import { compareRefNames } from '../../git/compare-ref-names.ts';
import type { Ref } from '../../rpc/gen/stratum/v1/metadata.ts';

/** The refs whose names begin with one of the prefixes, each once. `refs` are in the byte order of their names, and so is the result. */
export function refsWithPrefixes(refs: readonly Ref[], prefixes: readonly string[]): Ref[] {
  const found: Ref[] = [];
  let last: string | undefined;
  for (const prefix of [...prefixes].sort(compareRefNames)) {
    // In order a prefix comes right before those that it covers.
    if (last !== undefined && prefix.startsWith(last)) continue;
    last = prefix;
    const begin = firstIndex(0, refs.length, (at) => compareRefNames(refs[at]?.name ?? '', prefix) >= 0);
    for (let at = begin; refs[at]?.name.startsWith(prefix); at += 1) {
      const ref = refs[at];
      if (ref !== undefined) found.push(ref);
    }
  }
  return found;
}
