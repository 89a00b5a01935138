import type { Link } from './network.ts'

interface Parcel {
  readonly dueAt: number
  readonly bytes: number
  readonly deliver: () => void
}

/** One direction of a connection across a link: what goes in comes out in the same order, one way's time later. */
export class DelayLine {
  readonly #link: Link
  readonly #onLanding: () => void
  readonly #parcels: Parcel[] = []
  #bytes = 0
  #timer: NodeJS.Timeout | undefined
  #isHeld = false

  /** @param onLanding called after something has come out */
  constructor(link: Link, onLanding: () => void) {
    this.#link = link
    this.#onLanding = onLanding
  }

  /** Bytes on their way. */
  get bytes(): number {
    return this.#bytes
  }

  /** @param from when it sets out (`performance.now()`), if later than now */
  send(bytes: number, deliver: () => void, from = 0): void {
    this.#bytes += bytes
    this.#parcels.push({ dueAt: Math.max(performance.now(), from) + this.#link.oneWayMs, bytes, deliver })
    if (this.#timer === undefined) this.#land()
  }

  /** What is under way is lost. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#parcels.length = 0
    this.#bytes = 0
  }

  #land(): void {
    this.#timer = undefined
    if (this.#link.isCut) return this.#hold()
    let landed = false
    for (let next = this.#parcels[0]; next && next.dueAt <= performance.now(); next = this.#parcels[0]) {
      this.#parcels.shift()
      this.#bytes -= next.bytes
      next.deliver()
      landed = true
    }
    if (landed) this.#onLanding()
    const next = this.#parcels[0]
    if (next && this.#timer === undefined) {
      this.#timer = setTimeout(() => this.#land(), Math.max(1, Math.round(next.dueAt - performance.now())))
    }
  }

  #hold(): void {
    if (this.#isHeld) return
    this.#isHeld = true
    this.#link.whenHealed(() => {
      this.#isHeld = false
      this.#land()
    })
  }
}
