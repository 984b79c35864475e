import { open, rename, stat } from 'node:fs/promises';
import { isErrorCode } from '../../base/error-codes.ts';
import { StratumError, systemCode } from '../../base/errors.ts';
import { MiB } from '../../base/units.ts';

/** A log that is larger at a start is set aside, replacing the one before. */
const logBytesMax = 16 * MiB;

/** How much of a log's end is looked at. */
const tailBytes = 16 * 1024;

/** The last lines of a file; none when it cannot be read. */
export async function lastLines(path: string, count: number): Promise<string[]> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const length = Math.min(size, tailBytes);
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
      const lines = buffer.toString('utf8').split('\n');
      return lines.filter((line) => line.trim() !== '').slice(-count);
    } finally {
      await file.close();
    }
  } catch {
    return []; // The log only illustrates an error that is reported anyway.
  }
}

/** Sets a log aside that has grown too large. */
export async function rotateLog(path: string): Promise<void> {
  try {
    const { size } = await stat(path);
    if (size > logBytesMax) await rename(path, `${path}.1`);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

/** The error that a stratum process printed last (with "-o json"), if it did. */
export function errorIn(lines: readonly string[]): StratumError | undefined {
  for (const line of lines.toReversed()) {
    if (!line.startsWith('{"kind":"Error"')) continue;
    try {
      const error: unknown = JSON.parse(line);
      const found = readError(error);
      if (found !== undefined) return found;
    } catch {
      // A line that was cut off; an older one may be whole.
    }
  }
  return undefined;
}

/** A StratumError from its JSON form; undefined when it is none. */
export function readError(value: unknown): StratumError | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { code, message, hint } = value as Record<string, unknown>;
  if (typeof code !== 'string' || typeof message !== 'string' || !isErrorCode(code)) return undefined;
  const text = typeof hint === 'string' && hint !== '' ? hint : undefined;
  // The details stayed behind; code, message and hint are all that is shown.
  return new StratumError(code as 'INTERNAL', message, undefined, { hint: text });
}
