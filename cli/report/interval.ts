/** How many of a number of cases, and between which shares the truth lies with 95 % confidence. */
export interface Share {
  hits: number;
  of: number;
  /** From 0 to 1; both are the share itself where nothing was sampled. */
  low: number;
  high: number;
}

// of the normal distribution, for 95 %
const z = 1.959964;

/** A share that was counted, not sampled. */
export function counted(hits: number, of: number): Share {
  const share = of === 0 ? 0 : hits / of;
  return { hits, of, low: share, high: share };
}

/** A share in a random sample, with Wilson's interval, which holds for small samples and rare hits, too. */
export function sampled(hits: number, of: number): Share {
  if (of === 0) return { hits, of, low: 0, high: 1 };
  const share = hits / of;
  const middle = (share + (z * z) / (2 * of)) / (1 + (z * z) / of);
  const half =
    (z * Math.sqrt((share * (1 - share)) / of + (z * z) / (4 * of * of))) / (1 + (z * z) / of);
  return { hits, of, low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}
