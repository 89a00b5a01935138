import { distanceKm, isKnownRegion } from '../regions.ts'
import type { Topology } from '../topology/topology.ts'

/** Where the regions are unknown: a middling ocean. */
const unknownMs = 100
/** Light in a fibre runs 200 km a millisecond; real routes are about half as straight again, there and back. */
const kmPerMs = 200 / 1.5 / 2
/** What the proxies at both ends take. */
const overheadMs = 5
/** Round trips until a connection is open: TCP, TLS, a login by SCRAM (three), and the question what the server is. */
const openingTrips = 6
/** A round trip that takes longer than those before counts for so little: it is the server that was busy, or this process. */
const slowWeight = 1 / 16

/** The region of the server that reads use; undefined off Fly. */
function regionOfReads({ region, role, primary, local }: Topology): string | undefined {
  if (role === 'primary') return primary.region ?? region
  // One server that plays both.
  return local === primary ? region : (local.region ?? region)
}

/** About how long (ms) one statement from a region to another is waited for. */
export function estimateCrossingMs(from: string | undefined, to: string | undefined): number {
  if (from === undefined || to === undefined || !isKnownRegion(from) || !isKnownRegion(to))
    return unknownMs - overheadMs
  return distanceKm(from, to) / kmPerMs
}

/** About how long (ms) one replay from a region to another takes beside the app's own time. */
export function estimateReplayMs(from: string | undefined, to: string | undefined): number {
  return overheadMs + estimateCrossingMs(from, to)
}

/**
 * What each way to an answer costs from here (ms): a statement on the server that reads use, and a replay of the whole request in
 * the primary's region. By distance at first, by what questions to that server have taken as soon as there were any.
 */
export class Prices {
  /** The server that reads use is in another region: each statement that is waited for crosses an ocean. */
  readonly isFar: boolean
  readonly #givenMs: number | undefined
  /** What lies beyond that server, on the way to the primary. */
  readonly #beyondMs: number
  #crossingMs: number
  #isMeasured = false

  /** @param replayMs what a replay costs, where the app knows better */
  constructor(topology: Topology, replayMs?: number) {
    const { region, primaryRegion, inPrimaryRegion } = topology
    const place = regionOfReads(topology)
    this.isFar = !inPrimaryRegion && place !== region
    this.#givenMs = replayMs
    this.#crossingMs = this.isFar ? estimateCrossingMs(region, place) : 0
    this.#beyondMs = estimateCrossingMs(region, primaryRegion) - this.#crossingMs
  }

  /** One statement, or several that are sent together; 0 where the server is in this region. */
  get crossingMs(): number {
    return this.#crossingMs
  }

  /** To make a connection, where none is open. */
  get openingMs(): number {
    return openingTrips * this.#crossingMs
  }

  /** A replay, beside what the handler itself does. */
  get replayMs(): number {
    return this.#givenMs ?? overheadMs + this.#crossingMs + Math.max(0, this.#beyondMs)
  }

  /** A question to the server that reads use has taken so long. The quickest ones tell the distance. */
  measured(ms: number): void {
    if (!this.isFar) return
    const isSlower = this.#isMeasured && ms > this.#crossingMs
    this.#crossingMs = isSlower ? this.#crossingMs + (ms - this.#crossingMs) * slowWeight : ms
    this.#isMeasured = true
  }
}
