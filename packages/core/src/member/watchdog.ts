import type { Prober } from '../replication/probe.ts'

/** How often (ms) what is under way is looked at. */
const lookMs = 500

/**
 * At which look in a row (the first among them) at the same work its server is asked: work of a second at least. A request waits
 * for a replica about as long before it is served by the primary, and an ordinary read is over long before; asking costs a
 * server that is merely busy one small question.
 */
const suspiciousLooks = 3

/** At which look work is cut whose server could not even be asked, since no connection could be had for it: 5 s. */
export const unaskedLooks = 10

/** Something that waits for a server: a connection with a statement under way, or a wait of its own. Kept in a list, at no cost of an allocation. */
export abstract class Watched {
  /** What it was at when it was last looked at, since which look, and since when (ms). */
  seen: unknown = undefined
  looks = 0
  since = 0
  older: Watched | undefined = undefined
  newer: Watched | undefined = undefined
  /** At which look it is cut where the server could not even be asked. Default: never, its connection stands. */
  readonly patience: number = Number.POSITIVE_INFINITY

  /** What it is at: the same thing as long as that has had no answer; undefined while there is nothing. */
  abstract get work(): unknown

  /** The server does not answer: what waits is told, so that it is served elsewhere. */
  abstract cut(error: Error): void

  /** How long (ms) this work may take, whatever the server says; undefined: as long as it does. */
  get limitMs(): number | undefined {
    return undefined
  }
}

/**
 * Notices a server that hangs instead of failing: where something has been at the same work for a second, the server is asked
 * on another connection. A long query on a server that answers is left to run; of one that does not, all that waits is cut, so that it is
 * served elsewhere. It also ends what has taken longer than its own limit.
 *
 * It looks now and then, so that a statement costs it next to nothing, and only while there is something to look at.
 */
export class Watchdog {
  readonly #prober: Prober | undefined
  readonly #wasAsked: (error: unknown) => boolean
  #newest: Watched | undefined
  /** How much work has ended. */
  #ended = 0
  #endedBefore = 0
  #timer: NodeJS.Timeout | undefined
  #isAsking = false

  /**
   * @param prober asks the server; undefined: only limits are kept
   * @param wasAsked whether an error of its is the server's silence, and not that there was no connection to ask on
   */
  constructor(prober: Prober | undefined, wasAsked: (error: unknown) => boolean = () => true) {
    this.#prober = prober
    this.#wasAsked = wasAsked
  }

  begins(watched: Watched): void {
    watched.older = this.#newest
    if (this.#newest !== undefined) this.#newest.newer = watched
    this.#newest = watched
    this.#timer ??= setInterval(() => this.#look(), lookMs).unref()
  }

  /** It is not watched any more. Harmless where it was not. */
  ends(watched: Watched): void {
    const { older, newer } = watched
    if (newer === undefined && this.#newest !== watched) return
    if (older !== undefined) older.newer = newer
    if (newer !== undefined) newer.older = older
    else this.#newest = older
    // Nothing keeps its neighbours in memory.
    watched.older = undefined
    watched.newer = undefined
    this.#ended++
  }

  end(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  *#all(): Iterable<Watched> {
    for (let watched = this.#newest; watched !== undefined; ) {
      const next: Watched | undefined = watched.older
      yield watched
      watched = next
    }
  }

  #look(): void {
    const now = performance.now()
    let isSuspicious = false
    for (const watched of this.#all()) {
      const { work } = watched
      if (work === undefined || work === null) watched.looks = 0
      else if (work !== watched.seen) {
        watched.looks = 1
        watched.since = now
      } else watched.looks++
      watched.seen = work
      if (watched.looks > 1) this.#limit(watched, now)
      if (watched.looks >= suspiciousLooks) isSuspicious = true
    }
    // The next statement wakes it.
    if (this.#newest === undefined && this.#ended === this.#endedBefore) this.end()
    this.#endedBefore = this.#ended
    if (isSuspicious && this.#prober !== undefined && !this.#isAsking) void this.#ask(this.#prober)
  }

  #limit(watched: Watched, now: number): void {
    const { limitMs } = watched
    if (limitMs !== undefined && now - watched.since >= limitMs) {
      watched.cut(timeout(`The server has not answered for ${limitMs} ms`))
    }
  }

  async #ask(prober: Prober): Promise<void> {
    this.#isAsking = true
    const ended = this.#ended
    try {
      await prober.probe()
      // It answers: what is still under way is given as long again.
      for (const watched of this.#all()) watched.looks = Math.min(watched.looks, 1)
    } catch (error) {
      if (!prober.isOutage(error)) return
      prober.reportUnreachable(error)
      const isSure = this.#wasAsked(error)
      const isStill = ended === this.#ended
      for (const watched of this.#all()) {
        const isBusy = watched.work !== undefined && watched.work !== null
        if (isBusy && (isSure || (isStill && watched.looks >= watched.patience))) watched.cut(lostError())
      }
    } finally {
      this.#isAsking = false
    }
  }
}

/** What is told to those who wait for a server that hangs: in the words of a connection that was lost. */
export function lostError(): Error {
  return timeout('The server does not answer')
}

function timeout(message: string): Error {
  return Object.assign(new Error(message), { code: 'ETIMEDOUT' })
}
