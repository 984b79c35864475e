import Table from 'cli-table3';

/** Cells of one row. */
export type Row = readonly string[];

/** Two spaces between columns and no lines, as kubectl prints, so that columns can be cut and pasted. */
const noLines = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '   ',
};

/** A table for people: aligned columns under upper-case headers. */
export function renderTable(headers: Row, rows: readonly Row[], rightAligned: readonly boolean[] = []): string {
  const table = new Table({
    chars: noLines,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
    colAligns: headers.map((_, index) => (rightAligned[index] === true ? 'right' : 'left')),
  });
  table.push([...headers], ...rows.map((row) => row.map(printable)));
  return `${table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`;
}

/** The same rows for programs: separated by tabs, nothing cut off, no header. */
export function renderTabSeparated(rows: readonly Row[]): string {
  return rows.map((row) => `${row.map(printable).join('\t')}\n`).join('');
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const controlCharacter = /[\u0000-\u001f\u007f]/;

/** A cell must not break its row, nor send control codes to a terminal. */
function printable(cell: string): string {
  // Asked first: to replace nothing in each of millions of cells takes several times as long.
  return controlCharacter.test(cell) ? cell.replaceAll(new RegExp(controlCharacter, 'g'), ' ') : cell;
}
