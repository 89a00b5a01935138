import { GenerationalCache } from './cache.ts'
import { analyse } from './classify.ts'
import { engineOf } from './engine.ts'
import type { Analysis, ClassifyOptions, Dialect } from './types.ts'

export interface ClassifierOptions extends ClassifyOptions {
  readonly dialect: Dialect
  /** Texts whose verdict is kept. Default 2000. */
  readonly cacheSize?: number
  /** Longer texts are classified each time, so that the cache stays small. In characters; default 16384. */
  readonly maxCachedLength?: number
  /** Texts that are remembered as refused. Default 1000. */
  readonly learnedSize?: number
  /** How long a refused text is remembered. In milliseconds; default 600000 (ten minutes). */
  readonly learnedTtlMs?: number
  /** The clock, in milliseconds. Default `Date.now`. */
  readonly now?: () => number
}

/** Classifies texts, remembers the results, and learns from the server's refusals. One for all connections to a database. */
export interface Classifier {
  /** The verdict on a text and the facts about it. One look-up where the text is known. */
  classify(sql: string): Analysis
  /**
   * The server refused this text as a write: it is one (`learned`) until its time to live is over or {@link forget} is
   * called. Not for a refusal that was the transaction's fault. EXECUTE is not learned: its name means something else on
   * another connection.
   */
  learn(sql: string): void
  /** Forgets what was learned. To be called after a statement whose analysis says `schema`. */
  forget(): void
}

/** What is known of a text, until a time of the clock. */
interface Known extends Analysis {
  readonly until: number
}

/** @throws TypeError for an unknown dialect. */
export function createClassifier(options: ClassifierOptions): Classifier {
  const {
    dialect,
    cacheSize = 2000,
    maxCachedLength = 16_384,
    learnedSize = 1000,
    learnedTtlMs = 600_000,
    now = Date.now,
  } = options
  const engine = engineOf(dialect, options)
  /** Verdicts of both kinds: one look-up answers for a text that is known. */
  const verdicts = new GenerationalCache<Known>(cacheSize)
  /** What was learned once more: it cost a round trip and shall outlive the many texts that come by once. */
  const learned = new GenerationalCache<Known>(learnedSize)

  function classifyNow(sql: string): Known {
    const known = { ...analyse(sql, engine), until: Number.POSITIVE_INFINITY }
    if (sql.length <= maxCachedLength) verdicts.set(sql, known)
    return known
  }

  function recalled(sql: string): Known {
    const known = learned.get(sql)
    if (known === undefined) return classifyNow(sql)
    if (known.until > now()) {
      verdicts.set(sql, known)
      return known
    }
    learned.delete(sql)
    return classifyNow(sql)
  }

  return {
    classify(sql) {
      const known = verdicts.get(sql)
      return known !== undefined && (known.until === Number.POSITIVE_INFINITY || known.until > now())
        ? known
        : recalled(sql)
    },
    learn(sql) {
      if (sql.length > maxCachedLength) return
      const known = verdicts.get(sql) ?? classifyNow(sql)
      // What a name stands for differs from one connection to the next; and COMMIT is refused for what came before it.
      if (known.prepared !== undefined || (known.transaction !== undefined && !known.several)) return
      const lesson = { ...known, access: 'write', reason: 'learned', until: now() + learnedTtlMs } as const
      verdicts.set(sql, lesson)
      learned.set(sql, lesson)
    },
    forget() {
      if (learned.size === 0) return
      learned.clear()
      verdicts.clear()
    },
  }
}
