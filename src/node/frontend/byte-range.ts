/** Which bytes of a file are sent: from the first up to before the last one. */
export interface ByteSpan {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /** It was asked for, and is answered with 206. */
  readonly isPart: boolean;
}

/**
 * One range of a Range header (RFC 9110, section 14). Undefined for what a server may ignore: no header, another unit,
 * several ranges, or what is malformed. 'unsatisfiable' when it begins behind the end.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteSpan | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes);
    return length === 0 ? 'unsatisfiable' : { from: sizeBytes - length, to: sizeBytes, isPart: true };
  }
  const from = Number(first);
  if (last !== '' && Number(last) < from) return undefined;
  if (from >= sizeBytes) return 'unsatisfiable';
  const to = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  return { from, to, isPart: true };
}
