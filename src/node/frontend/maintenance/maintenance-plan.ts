/** A pack as the plan looks at it. */
export interface PlannedPack {
  /** The hex digits in "pack-<digits>.pack". */
  readonly name: string;
  readonly objectCount: number;
  readonly hasBitmap: boolean;
  /** Maintenance made it of what no ref reached. */
  readonly isUnreachable: boolean;
  readonly addedAtMs: number;
}

/** What is asked for beside the packs. */
export interface PlanOptions {
  /** Repack everything even where less would do. */
  readonly full: boolean;
  readonly nowMs: number;
  /** For how long packs of unreachable objects are kept. */
  readonly graceMs: number;
}

/**
 * What to do with a repository. 'geometric': the packs to replace become one, whatever is in them. 'full': what refs reach
 * becomes one pack with a bitmap, the rest of the packs to replace another one; the expired packs may be dropped then.
 */
export type MaintenancePlan =
  | { readonly kind: 'none'; readonly why: string }
  | { readonly kind: 'geometric'; readonly why: string; readonly replace: readonly string[] }
  | {
      readonly kind: 'full';
      readonly why: string;
      readonly replace: readonly string[];
      readonly expired: readonly string[];
    };

/** Packs that git still serves without looking through many indexes for each object. */
export const packsGoodMax = 8;

/** Beyond it a geometric repack would take many steps to bring order. */
const packsMax = 50;

/** Below it git walks all objects about as fast as it reads a bitmap. */
const bitmapObjectsMin = 1_000;

/** A pack holds so many times the objects of the next smaller one: then there are few packs, and few bytes are copied often. */
const geometricFactor = 2;

/** A full repack for the sake of expired packs alone comes at most once a day: pushes may keep it from dropping them. */
const expiryIntervalMs = 24 * 60 * 60 * 1000;

/** Packs of unreachable objects whose grace time goes on; beyond it they become one, and their time begins again. */
const unreachablePacksMax = 8;

/** Decides by the packs alone. Pure: the same packs, options and moment give the same plan. */
export function planMaintenance(packs: readonly PlannedPack[], options: PlanOptions): MaintenancePlan {
  const reachable = packs.filter(({ isUnreachable }) => !isUnreachable);
  const kept = packs.filter(({ isUnreachable }) => isUnreachable);
  const expired = kept.filter(({ addedAtMs }) => options.nowMs - addedAtMs > options.graceMs);
  const why = whyFull(reachable, expired, options);
  if (why !== undefined) {
    const young = kept.filter((pack) => !expired.includes(pack));
    const merged = young.length > unreachablePacksMax ? young : [];
    return { kind: 'full', why, replace: namesOf([...reachable, ...merged]), expired: namesOf(expired) };
  }
  if (reachable.length <= packsGoodMax) {
    return { kind: 'none', why: `there are ${reachable.length} packs, which is no more than ${packsGoodMax}` };
  }
  const replace = namesOf(outOfProgression(reachable));
  if (replace.length === 0) {
    return {
      kind: 'none',
      why: `each of ${reachable.length} packs is at least twice as large as the next smaller one`,
    };
  }
  return { kind: 'geometric', why: `${replace.length} of ${reachable.length} packs are of like size`, replace };
}

function whyFull(
  reachable: readonly PlannedPack[],
  expired: readonly PlannedPack[],
  { full, nowMs }: PlanOptions,
): string | undefined {
  if (reachable.length === 0) return expired.length === 0 ? undefined : whyExpired(expired);
  const objects = sumOf(reachable);
  const unmapped = sumOf(reachable.filter(({ hasBitmap }) => !hasBitmap));
  if (full) return 'asked for';
  if (reachable.length > packsMax) return `there are more than ${packsMax} packs`;
  if (unmapped === objects && objects > bitmapObjectsMin) return `there is no bitmap for ${objects} objects`;
  if (unmapped < objects && unmapped * 4 > objects) return `${unmapped} of ${objects} objects are in no bitmap`;
  const lastFullMs = Math.max(...reachable.filter(({ hasBitmap }) => hasBitmap).map(({ addedAtMs }) => addedAtMs));
  return expired.length === 0 || nowMs - lastFullMs < expiryIntervalMs ? undefined : whyExpired(expired);
}

function whyExpired(expired: readonly PlannedPack[]): string {
  return `${sumOf(expired)} unreachable objects have been kept for their grace time`;
}

/**
 * The smallest packs that have to become one so that each pack has at least twice the objects of the next smaller one, as
 * `git repack --geometric=2` finds them; none when that is so.
 */
function outOfProgression(packs: readonly PlannedPack[]): readonly PlannedPack[] {
  const ascending = packs.toSorted((a, b) => a.objectCount - b.objectCount || (a.name < b.name ? -1 : 1));
  const counts = ascending.map(({ objectCount }) => objectCount);
  const last = counts.findLastIndex((count, at) => at > 0 && count < geometricFactor * (counts[at - 1] ?? 0));
  if (last < 0) return [];
  let split = last + 1;
  let total = sumOf(ascending.slice(0, split));
  for (; split < counts.length && (counts[split] ?? 0) < geometricFactor * total; split += 1)
    total += counts[split] ?? 0;
  return ascending.slice(0, split);
}

function sumOf(packs: readonly PlannedPack[]): number {
  return packs.reduce((sum, { objectCount }) => sum + objectCount, 0);
}

function namesOf(packs: readonly PlannedPack[]): string[] {
  return packs.map(({ name }) => name);
}
