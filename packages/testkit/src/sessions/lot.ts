import { inTime } from './patience.ts'
import type { Session } from './step.ts'
import type { SessionSubject } from './subject.ts'

/** Where the app that runs a session is: with the bare driver, or in a region of flyroute's. */
export type Place = 'bare' | 'away' | 'home'

/**
 * The pools that a lot of sessions has in common, one after the other, as the requests of an app have. Each begins on new
 * connections; what a pool itself remembers goes on, and is forgotten with the lot.
 */
export class Lot {
  /** The sessions that have been run in it. */
  readonly sessions: Session[] = []
  readonly #open: (place: Place, connections: number) => SessionSubject
  readonly #subjects: Map<string, SessionSubject> = new Map()

  constructor(open: (place: Place, connections: number) => SessionSubject) {
    this.#open = open
  }

  subject(place: Place, connections = 1): SessionSubject {
    const name = `${place} ${connections}`
    const subject = this.#subjects.get(name) ?? this.#open(place, connections)
    this.#subjects.set(name, subject)
    return subject
  }

  /**
   * Ends one of the pools, so that the next session has another one.
   *
   * @returns why it did not end, if it did not
   */
  async discard(subject: SessionSubject): Promise<string | undefined> {
    for (const [name, other] of this.#subjects) if (other === subject) this.#subjects.delete(name)
    return inTime(subject.end(), "the pool's end").then(
      () => undefined,
      (error: Error) => error.message,
    )
  }

  /** Ends all of them. */
  async end(): Promise<string | undefined> {
    const obstacles = await Promise.all([...this.#subjects.values()].map((subject) => this.discard(subject)))
    return obstacles.find((obstacle) => obstacle !== undefined)
  }
}
