import { StratumError } from '../base/errors.ts';
import { GiB, KiB, MiB } from '../base/units.ts';

const units: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB,
  MiB,
  GiB,
  TiB: 1024 * GiB,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
};

/** Bytes of "512", "64KiB", "1.5GiB" or "1GB"; INVALID_ARGUMENT names `field`. */
export function parseSize(text: string, field: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text) ?? [];
  const bytes = units[unit ?? ''];
  if (number === undefined || bytes === undefined) {
    const expected = 'bytes, or a number with a unit such as 64KiB, 16MiB or 1GB';
    const reason = `"${text}" is not a size`;
    throw new StratumError(
      'INVALID_ARGUMENT',
      `${field}: ${reason}`,
      { field, reason, expected },
      {
        hint: `expected ${expected}`,
      },
    );
  }
  return Math.round(Number(number) * bytes);
}
