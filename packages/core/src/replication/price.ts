import { distanceKm, isKnownRegion } from '../regions.ts'

/** Where the regions are unknown: a middling ocean. */
const unknownMs = 100
/** Light in a fibre runs 200 km a millisecond; real routes are about half as straight again, there and back. */
const kmPerMs = 200 / 1.5 / 2
/** What the proxies at both ends take. */
const overheadMs = 5

/** About how long (ms) one replay from a region to another takes beside the app's own time. */
export function estimateReplayMs(from: string | undefined, to: string | undefined): number {
  if (from === undefined || to === undefined || !isKnownRegion(from) || !isKnownRegion(to)) return unknownMs
  return overheadMs + distanceKm(from, to) / kmPerMs
}
