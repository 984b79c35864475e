/** Widths of a node line's columns, in characters. */
export interface Layout {
  readonly id: number;
  readonly state: number;
  readonly bar: number;
  readonly age: number;
  readonly address: number;
  /** What is left; 0 when the screen is too narrow. */
  readonly load: number;
}

const fixed = { state: 9, age: 7, gaps: 6 };

/** Columns for a screen: 80 characters hold everything but the load, wider ones give it the rest. */
export function layoutFor(columns: number, longestId: number, longestAddress: number): Layout {
  const id = Math.min(Math.max(longestId, 12), 28) + 2;
  const address = Math.min(Math.max(longestAddress, 15), 32);
  const bar = columns >= 110 ? 24 : 14;
  const used = id + fixed.state + bar + fixed.age + address + fixed.gaps;
  return { id, state: fixed.state, bar, age: fixed.age, address, load: Math.max(0, columns - used) };
}

/** Text cut or padded to exactly `width` characters; a cut is marked. */
export function fitTo(text: string, width: number): string {
  if (width <= 0) return '';
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}
