import { StratumError } from '../base/errors.ts';

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of "500ms", "10s", "1m30s", "2h" or "1d"; INVALID_ARGUMENT names `field`. */
export function parseDuration(text: string, field: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  const consumed = parts.reduce((length, [part]) => length + part.length, 0);
  if (parts.length === 0 || consumed !== text.length) {
    const expected = 'a number with a unit, such as 500ms, 10s, 1m30s or 2h';
    const reason = `"${text}" is not a duration`;
    throw new StratumError(
      'INVALID_ARGUMENT',
      `${field}: ${reason}`,
      { field, reason, expected },
      {
        hint: `expected ${expected}`,
      },
    );
  }
  return Math.round(parts.reduce((sum, [, value, unit]) => sum + Number(value) * (unitsMs[unit ?? ''] ?? 0), 0));
}
