/** A share of 0 to 1 for people: 0.25 is "25.0 %". */
export function percent(share: number, digits = 1): string {
  return `${(100 * share).toFixed(digits)} %`;
}
