/** Bytes of a kibibyte. */
export const KiB = 1024;
/** Bytes of a mebibyte. */
export const MiB = 1024 * KiB;
/** Bytes of a gibibyte. */
export const GiB = 1024 * MiB;

/** A byte count for people, in binary units: 1536 is "1.5 KiB". */
export function formatBytes(bytes: number | bigint): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
  let value = Number(bytes);
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A duration for people: 93_000 is "1m33s". */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return ms < 10_000 ? `${(ms / 1000).toFixed(1)}s` : `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${seconds % 60}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}h${minutes % 60}m`;
  return `${Math.floor(hours / 24)}d${hours % 24}h`;
}

/** A moment in RFC 3339, UTC, from milliseconds since the Unix epoch. */
export function formatTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
