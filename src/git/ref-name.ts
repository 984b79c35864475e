import { StratumError } from '../base/errors.ts';

/**
 * Longest ref name in bytes of UTF-8. Git itself is bounded by the client's file system (255 bytes
 * a component, 4,096 a path on Linux); 1,024 leaves room for ".git/", ".lock" and a deep checkout.
 */
export const refNameBytesMax = 1024;

/** Longest component of a ref name in bytes: a client keeps it as a file, ".lock" appended. */
export const refComponentBytesMax = 250;

// The characters that git's refname_disposition table calls bad.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what the rule refuses.
const forbidden = /[\x00-\x20\x7f~^:?*[\\]/;

/**
 * Why `git check-ref-format` refuses a full ref name, or undefined when it accepts it. Lengths
 * are not judged here.
 */
export function refFormatFault(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (!name.includes('/')) return "has no '/'";
  const bad = forbidden.exec(name)?.[0];
  if (bad !== undefined) return `contains ${JSON.stringify(bad)}`;
  if (name.includes('..')) return "contains '..'";
  if (name.includes('@{')) return "contains '@{'";
  if (name.endsWith('.')) return "ends with '.'";
  for (const component of name.split('/')) {
    if (component === '') return 'has an empty component';
    if (component.startsWith('.')) return "has a component that begins with '.'";
    if (component.endsWith('.lock')) return "has a component that ends with '.lock'";
  }
  return undefined;
}

/**
 * Why a name cannot be a ref of a repository, or undefined when it can: the rules of
 * `git check-ref-format`, below "refs/" with at least one component, and within the length limits.
 */
export function refNameFault(name: string): string | undefined {
  const fault = refFormatFault(name);
  if (fault !== undefined) return fault;
  if (!name.startsWith('refs/')) return "is not below 'refs/'";
  // A name cut out of bytes that are no UTF-8 could not be told from another one.
  if (!name.isWellFormed() || name.includes('\ufffd')) return 'is not valid UTF-8';
  if (Buffer.byteLength(name) > refNameBytesMax) return `is longer than ${refNameBytesMax} bytes`;
  if (name.split('/').some((component) => Buffer.byteLength(component) > refComponentBytesMax)) {
    return `has a component longer than ${refComponentBytesMax} bytes`;
  }
  return undefined;
}

/** The name, if it can be a ref of a repository; REF_NAME_INVALID otherwise. */
export function checkRefName(name: string): string {
  const fault = refNameFault(name);
  if (fault === undefined) return name;
  throw new StratumError('REF_NAME_INVALID', `ref name ${JSON.stringify(name.slice(0, 128))} ${fault}`, undefined, {
    hint: 'See git help check-ref-format for the rules of ref names.',
  });
}
