import { distance } from './regions.ts'

/** Round trip times in milliseconds for pairs of regions, in either order: `{ 'ord-ams': 95 }`. */
export type RoundTrips = Readonly<Record<string, number>>

/** What lies between two regions, in both directions. */
export interface Link {
  /** Half a round trip, in milliseconds. */
  readonly oneWayMs: number
  /** While it is cut nothing arrives, and nothing says so: packets are lost, connections stay. */
  readonly isCut: boolean
  /** Calls back when the link is whole again, once. */
  whenHealed(listener: () => void): void
}

/** The links between all regions. */
export class Network {
  readonly #roundTrips: RoundTrips
  readonly #links = new Map<string, MutableLink>()

  /** @param roundTrips overrides; other pairs get an estimate by distance */
  constructor(roundTrips: RoundTrips = {}) {
    this.#roundTrips = roundTrips
  }

  link(a: string, b: string): Link {
    return this.#link(a, b)
  }

  /** Milliseconds there and back. */
  roundTrip(a: string, b: string): number {
    if (a === b) return 0
    return this.#roundTrips[`${a}-${b}`] ?? this.#roundTrips[`${b}-${a}`] ?? estimate(a, b)
  }

  cut(a: string, b: string): void {
    this.#link(a, b).isCut = true
  }

  heal(a: string, b: string): void {
    this.#link(a, b).heal()
  }

  #link(a: string, b: string): MutableLink {
    const key = [a, b].toSorted().join('-')
    const link = this.#links.get(key) ?? new MutableLink(this.roundTrip(a, b) / 2)
    this.#links.set(key, link)
    return link
  }
}

class MutableLink implements Link {
  readonly oneWayMs: number
  isCut = false
  #listeners: (() => void)[] = []

  constructor(oneWayMs: number) {
    this.oneWayMs = oneWayMs
  }

  whenHealed(listener: () => void): void {
    this.#listeners.push(listener)
  }

  heal(): void {
    this.isCut = false
    for (const listener of this.#listeners.splice(0)) listener()
  }
}

/** Light in fibre needs 10 µs per kilometre and round trip; cables take a way about 1.4 times as long as the crow's. */
function estimate(a: string, b: string): number {
  const kilometres = distance(a, b)
  if (kilometres === undefined)
    throw new RangeError(`No round trip time is known for ${a} and ${b}; give one in \`rtt\`.`)
  return Math.round(2 + kilometres * 0.01 * 1.4)
}
