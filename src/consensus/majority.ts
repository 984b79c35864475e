/** How many of so many members of a consensus engine must answer. */
export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1;
}
