import type { Analysis } from '../classify/types.ts'
import { MAY_BE_A_VIEW, MAY_HIDE_REFUSAL, MAY_WRITE, NOT_KNOWN_YET, type Writers } from './writers.ts'

/** How often (ms) the server is asked at most. */
const pauseMs = 1_000
/** After how long (ms) an answer is asked for again, since another process may have changed the schema; or after a failure, at the latest. */
const oldMs = 30_000
/** Names that were looked for in vain and are remembered. */
const mostAbsent = 1_000

/** In the text itself: what would keep a refusal from us. Asked of anonymous blocks only. */
const hides = /(?<!\braise\s+)\bexception\b|\bpg_is_in_recovery\b|\bread_only\b|_read_only\b|\bhandler\b/i

/** Where a text names a relation, an operator or a type of the app's, or runs what may name one. */
const namesRelation = /\b(?:from|join|table|execute|operator|cast)\b|::/i

/** SQLSTATEs of what a session is in, or a server short of (an aborted transaction, SERIALIZABLE on a standby, a time limit): asked elsewhere or later, it would answer. */
const passing = /^(?:0A|25|40|5[3-7])/

/** One count for all catalogues, so that an analysis which two of them look at is never taken for seen by the other. */
let generations = 0

export interface CatalogueOptions {
  /** The clock, in milliseconds. Default `Date.now`. */
  readonly now?: () => number
}

/**
 * What is known of the app's own routines, and of what runs them unseen: whether a text may write by calling them, and whether they may hide a
 * replica's refusal. On a primary, where no refusal corrects a guess, only what is known to read is a read.
 *
 * The server is asked in the background: at first use, at names that it does not know yet, after schema changes, and every 30 seconds
 * while it is used. Until it has answered, at first and after a change that is seen, a function that is not the server's own may do
 * anything, and on a primary any relation may be a view that calls one.
 *
 * What it says of a text is kept in the text's analysis: asking again is one comparison.
 */
export class Catalogue {
  readonly #ask: () => Promise<Writers>
  readonly #isAnswer: (error: unknown) => boolean
  readonly #now: () => number
  #writers: Writers | undefined
  /** The schema has changed since: that a view may write still counts, that a name is harmless does not. */
  #isOld = false
  #generation = ++generations
  #asking: Promise<void> | undefined
  #askedAt = Number.NEGATIVE_INFINITY
  #pauseMs = pauseMs
  /** The last question had no answer: the next one is not waited for. */
  #hasFailed = false
  /** The server itself has refused it: then a replica's own refusal is all there is. */
  #isRefused = false
  /** The schema has changed since the question that is under way was asked. */
  #isOutdated = false
  /** Names that are not known, and those of them that the server did not know either. */
  readonly #missed: Set<string> = new Set()
  readonly #absent: Set<string> = new Set()
  /** Names in `mentions` that a look-up of single words would not find. */
  #phrases: readonly string[] = []

  /**
   * @param ask asks the server, on the adapter's own connection; see `DialectFacts.writers`
   * @param isAnswer whether the server itself has said an error, and not the way to it; see `DialectFacts.isAnswer`
   */
  constructor(
    ask: () => Promise<Writers>,
    isAnswer: (error: unknown) => boolean,
    { now = Date.now }: CatalogueOptions = {},
  ) {
    this.#ask = ask
    this.#isAnswer = isAnswer
    this.#now = now
  }

  /** Whether the text may write although its analysis says that it reads: for a primary. */
  mayWrite(analysis: Analysis, text: string): boolean {
    return (this.#of(analysis, text) & MAY_WRITE) !== 0
  }

  /** Whether it is known that it may: what the server is yet to be asked for counts for nothing. */
  isKnownToWrite(analysis: Analysis, text: string): boolean {
    return (this.#of(analysis, text) & (MAY_WRITE | NOT_KNOWN_YET)) === MAY_WRITE
  }

  /** Whether it may be such a view that the text reads: which of them write is about to be known. */
  mayBeView(analysis: Analysis, text: string): boolean {
    return (this.#of(analysis, text) & MAY_BE_A_VIEW) !== 0
  }

  /** Whether a replica's refusal of the text may be kept from us: then it goes to the primary, even from a replica. */
  mayHideRefusal(analysis: Analysis, text: string): boolean {
    return (this.#of(analysis, text) & MAY_HIDE_REFUSAL) !== 0
  }

  /** Whether the server is about to tell: a replica waits for that, `settled`, before it decides. */
  isNotKnownYet(analysis: Analysis, text: string): boolean {
    return (this.#of(analysis, text) & NOT_KNOWN_YET) !== 0
  }

  /** A statement has run whose analysis says `schema`: what was known of routines does not hold. */
  changed(): void {
    this.#isOld = true
    this.#absent.clear()
    this.#isOutdated = this.#asking !== undefined
    this.#generation = ++generations
    this.#askSoon()
  }

  /** An occasion to look whether anything has changed elsewhere. */
  refresh(): void {
    if (this.#now() - this.#askedAt >= oldMs) this.#askSoon()
  }

  /** Takes what was asked on another connection, where the adapter's own may not come. */
  async learns(question: Promise<Writers>): Promise<void> {
    const missed = [...this.#missed]
    const generation = this.#generation
    const writers = await question
    this.#askedAt = this.#now()
    // The schema has changed meanwhile, or another answer was there first.
    if (generation === this.#generation) this.#learn(writers, missed)
  }

  /** Resolves when the server has told what was missing, or cannot be asked, or after `withinMs`. */
  async answers(withinMs: number): Promise<void> {
    const until = this.#now() + withinMs
    let isLate = this.#asking !== undefined
    while (this.#missed.size > 0 && !this.#hasFailed) {
      const now = this.#now()
      if (now >= until) return
      this.#askSoon()
      const soonMs = this.#asking === undefined ? Math.max(1, this.#askedAt + this.#pauseMs - now) : until - now
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, Math.min(soonMs, until - now))
      })
      await Promise.race([this.#asking ?? late, late])
      clearTimeout(timer)
      // The question that was under way was sent before the name was looked for: there is no need to pause before the next one.
      if (isLate) this.#askedAt = Number.NEGATIVE_INFINITY
      isLate = false
    }
  }

  /** Resolves when nothing is being asked. */
  async settled(): Promise<void> {
    while (this.#asking !== undefined) await this.#asking
  }

  #of(analysis: Analysis, text: string): number {
    this.refresh()
    return analysis.catalogueGeneration === this.#generation ? analysis.catalogueSays : this.#look(analysis, text)
  }

  #look(analysis: Analysis, text: string): number {
    const writers = this.#writers
    const { calls } = analysis
    const routines = this.#isOld ? undefined : writers?.routines
    let says = analysis.access === 'unknown' && hides.test(text) ? MAY_HIDE_REFUSAL : 0
    let missed = false
    if (calls !== undefined) {
      for (const call of calls) {
        const known = routines?.get(call)
        if (known !== undefined) says |= known
        else {
          const isAbsent = this.#absent.has(call)
          says |= isAbsent || this.#isRefused ? MAY_WRITE : MAY_WRITE | NOT_KNOWN_YET
          if (!isAbsent) {
            missed = true
            if (this.#missed.size < mostAbsent) this.#missed.add(call)
          }
        }
      }
    }
    if (routines === undefined || missed) this.#askSoon()
    const { executed } = analysis
    if (writers !== undefined) {
      says |= this.#mentioned(writers, text)
      if (executed !== undefined) says |= this.#mentioned(writers, executed)
    }
    if ((writers === undefined || this.#isOld) && !this.#hasFailed && namesRelation.test(text)) says |= MAY_BE_A_VIEW
    // A name that is being asked for is looked up again each time until it is settled.
    if (!missed) {
      analysis.catalogueSays = says
      analysis.catalogueGeneration = this.#generation
    }
    return says
  }

  #mentioned({ mentions }: Writers, text: string): number {
    if (mentions.size === 0) return 0
    let says = 0
    const lower = text.toLowerCase()
    for (const [word] of lower.matchAll(/[\w$\u0080-\uffff]+/g)) says |= mentions.get(word) ?? 0
    for (const phrase of this.#phrases) if (lower.includes(phrase)) says |= mentions.get(phrase) ?? 0
    return says
  }

  #askSoon(): void {
    if (this.#asking !== undefined || this.#now() - this.#askedAt < this.#pauseMs) return
    this.#askedAt = this.#now()
    this.#isOutdated = false
    const missed = [...this.#missed]
    this.#asking = this.#ask()
      .then(
        (writers) => {
          this.#pauseMs = pauseMs
          this.#hasFailed = false
          this.#isRefused = false
          if (!this.#isOutdated) this.#learn(writers, missed)
        },
        (error: unknown) => {
          this.#pauseMs = Math.min(oldMs, this.#pauseMs * 2)
          this.#hasFailed = true
          // A connection that is taken back tells no reason.
          const { sqlState, code } = (error ?? {}) as { sqlState?: unknown; code?: unknown }
          this.#isRefused = this.#isAnswer(error) && !passing.test(String(sqlState ?? code))
          this.#generation = ++generations
        },
      )
      .finally(() => {
        this.#asking = undefined
      })
  }

  #learn(writers: Writers, missed: readonly string[]): void {
    this.#writers = writers
    this.#isOld = false
    this.#phrases = [...writers.mentions.keys()].filter((name) => !/^[\w$\u0080-\uffff]+$/.test(name))
    // What was looked for while the question was under way is known as well, if it is there.
    for (const name of this.#missed) if (writers.routines.has(name)) this.#missed.delete(name)
    for (const name of missed) {
      this.#missed.delete(name)
      if (!writers.routines.has(name) && this.#absent.size < mostAbsent) this.#absent.add(name)
    }
    for (const name of this.#absent) if (writers.routines.has(name)) this.#absent.delete(name)
    this.#generation = ++generations
  }
}
