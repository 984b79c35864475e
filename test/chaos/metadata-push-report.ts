/** What git said of one ref of a push. */
export type RefReport =
  | { readonly kind: 'done'; readonly ref: string; readonly oldId: string; readonly newId: string }
  /** Not done for certain, by git itself or by the server. */
  | { readonly kind: 'refused'; readonly ref: string; readonly reason: string }
  | { readonly kind: 'unknown'; readonly ref: string; readonly reason: string };

/**
 * Reads what `git push --porcelain` prints, with core.abbrev=40: `<flag> TAB <from>:<to> TAB <summary>` for each ref.
 * Refs of which it says nothing clear are left out.
 */
export function readPushReport(stdout: string): readonly RefReport[] {
  return stdout.split('\n').flatMap((line): RefReport[] => {
    const [flag = '', refs = '', summary = ''] = line.split('\t');
    const ref = refs.slice(refs.indexOf(':') + 1);
    if (!ref.startsWith('refs/')) return [];
    const [, oldId, newId] = /^([0-9a-f]{40})\.{2,3}([0-9a-f]{40})/.exec(summary) ?? [];
    if ((flag === ' ' || flag === '+') && oldId !== undefined && newId !== undefined) {
      return [{ kind: 'done', ref, oldId, newId }];
    }
    // A ref that was not there: git does not repeat the id that it was asked to push.
    if (flag === '*') return [{ kind: 'done', ref, oldId: '', newId: '' }];
    const isUnknown = summary.includes('outcome unknown') || summary.startsWith('[remote failure]');
    if (flag === '!') return [{ kind: isUnknown ? 'unknown' : 'refused', ref, reason: summary }];
    return [];
  });
}
