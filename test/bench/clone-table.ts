/** One line of the table. Numbers of all servers are in the row's unit. */
export interface Row {
  readonly what: string;
  /** `/s`: more is better; `ms` and `s`: less is better. */
  readonly unit: '/s' | 'ms' | 's';
  readonly ours: number;
  readonly peer: number;
  readonly bareNode?: number;
  /** Of ours over the peer's; absent where there is none. */
  readonly target?: number;
  /** Milliseconds of processor time a request, of all processes of each server. */
  readonly processorMs?: { readonly ours: number; readonly peer: number; readonly bareNode?: number };
  readonly note?: string;
}

/** The middle one of an odd number of values, the upper middle of an even one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** The table as Markdown, as docs/performance.md has them. */
export function table(rows: readonly Row[], peerName: string): string {
  const heads = ['', 'Stratum', peerName, 'bare Node', 'ratio', 'target', 'processor ms a request', ''];
  const lines = rows.map((row) => {
    const { unit, target, processorMs, note } = row;
    const ratio = row.ours / row.peer;
    const bare =
      row.bareNode === undefined ? '' : `${number(row.bareNode)} ${unit} (${number(row.bareNode / row.peer)})`;
    const bound = target === undefined ? '' : `${unit === '/s' ? '≥' : '≤'} ${target}`;
    const isMet = target === undefined || (unit === '/s' ? ratio >= target : ratio <= target);
    const processor =
      processorMs && [processorMs.ours, processorMs.peer, processorMs.bareNode].filter((ms) => ms !== undefined);
    return [
      row.what,
      `${number(row.ours)} ${unit}`,
      `${number(row.peer)} ${unit}`,
      bare,
      Number.isNaN(ratio) ? '' : `${number(ratio)}${isMet ? '' : ' missed'}`,
      bound,
      processor?.map(number).join('; ') ?? '',
      note ?? '',
    ];
  });
  const widths = heads.map((head, at) =>
    Math.max(3, ...[head, ...lines.map((line) => line[at] ?? '')].map((text) => text.length)),
  );
  const format = (line: readonly string[]) => `| ${line.map((text, at) => text.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [format(heads), format(widths.map((width) => '-'.repeat(width))), ...lines.map(format)].join('\n');
}

function number(value: number): string {
  if (Number.isNaN(value)) return 'not measured';
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}
