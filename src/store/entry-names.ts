import { StratumError } from '../base/errors.ts';
import { tagBytesMax } from './entry-footer.ts';

const keyForm = /^[0-9a-f]{64}$/;

/** INVALID_ARGUMENT for a key or a tag that no entry can have. */
export function checkEntryNames(key: string, tag: string): void {
  const reason = keyForm.test(key) ? undefined : 'a key is 64 hex digits';
  const wrong = reason ?? (Buffer.byteLength(tag) > tagBytesMax ? `a tag has at most ${tagBytesMax} bytes` : undefined);
  if (wrong === undefined) return;
  throw new StratumError('INVALID_ARGUMENT', `bad name of a cache entry: ${wrong}`, { field: 'key', reason: wrong });
}
