/**
 * A text in lines of at most `columns` characters, broken between words; a word that is longer than
 * a line is broken where the line ends, so that nothing is lost. Lines after the first begin with `indent`.
 */
export function wrapText(text: string, columns: number, indent = ''): readonly string[] {
  const width = Math.max(columns, indent.length + 1);
  const lines: string[] = [];
  let line = '';
  let isEmpty = true;
  for (const word of text.split(' ')) {
    let rest = word;
    if (!isEmpty && line.length + 1 + rest.length > width) {
      lines.push(line);
      line = indent;
      isEmpty = true;
    }
    if (!isEmpty) line += ' ';
    while (line.length + rest.length > width) {
      const fits = width - line.length;
      lines.push(`${line}${rest.slice(0, fits)}`);
      rest = rest.slice(fits);
      line = indent;
    }
    line += rest;
    isEmpty = false;
  }
  return [...lines, line];
}
