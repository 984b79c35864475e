import type { RefSnapshot } from '../../../git/ref-snapshot.ts';

/** What a clone makes branches and tags of. */
const bundledPrefixes = ['refs/heads/', 'refs/tags/'] as const;

/**
 * The header of a bundle without prerequisites (gitformat-bundle): with a pack that holds all that the heads and tags
 * reach behind it, it is what `git bundle create` writes. Undefined without heads and tags: git takes such a bundle for broken.
 */
export function bundleHeader({ objectFormat, head, refs }: RefSnapshot): Buffer | undefined {
  const bundled = refs.filter(({ name }) => bundledPrefixes.some((prefix) => name.startsWith(prefix)));
  if (bundled.length === 0) return undefined;
  // Only version 3 can tell the format.
  const lines = objectFormat === 'sha1' ? ['# v2 git bundle\n'] : [`# v3 git bundle\n@object-format=${objectFormat}\n`];
  const headRef = refs.find(({ name }) => name === head);
  // A clone from the file alone checks HEAD out.
  if (headRef !== undefined) lines.push(`${headRef.objectId} HEAD\n`);
  for (const { objectId, name } of bundled) lines.push(`${objectId} ${name}\n`);
  return Buffer.from(`${lines.join('')}\n`);
}
