/** Widths of a node line's columns, in characters; what is left belongs to address and load. */
export interface Layout {
  readonly columns: number;
  readonly id: number;
  readonly state: number;
  readonly bar: number;
  readonly age: number;
  readonly flaps: number;
  readonly generation: number;
}

/** "DRAINING" is the longest state, "59m59s" the longest age, "flaps" longer than any count of them. */
const fixed = { state: 8, age: 6, flaps: 5 };

/** Columns for a screen: in 80 characters there is room for everything but the load. */
export function layoutFor(columns: number, longestId: number, longestGeneration: number): Layout {
  return {
    columns,
    // Two characters mark the leader.
    id: Math.min(Math.max(longestId, 12), 28) + 2,
    ...fixed,
    bar: columns >= 110 ? 24 : 10,
    generation: Math.max(longestGeneration, 'generation'.length),
  };
}

/** Text cut or padded to exactly `width` characters; a cut is marked. */
export function fitTo(text: string, width: number): string {
  if (width <= 0) return '';
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}

/** As many of the parts as the line has room for, each whole: a part that was cut would say something else. */
export function joinWhole(line: string, parts: readonly string[], columns: number): string {
  let joined = line;
  for (const part of parts) {
    const next = joined === '' ? part : `${joined} ${part}`;
    if (next.trimEnd().length > columns) break;
    joined = next;
  }
  return joined.trimEnd();
}
