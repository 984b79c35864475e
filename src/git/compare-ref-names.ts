/** Order of ref names as their UTF-8 bytes, which is git's and LMDB's; UTF-16 order differs beyond U+FFFF. */
export function compareRefNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left === right) continue;
    const surrogates = Number(isSurrogate(left)) - Number(isSurrogate(right));
    // A surrogate is half of a character above all others.
    return surrogates === 0 ? left - right : surrogates;
  }
  return a.length - b.length;
}

function isSurrogate(codeUnit: number): boolean {
  return codeUnit >= 0xd800 && codeUnit <= 0xdfff;
}
