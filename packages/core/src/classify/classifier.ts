import { GenerationalCache } from './cache.ts'
import { analyse } from './classify.ts'
import { engineOf } from './engine.ts'
import type { Analysis, ClassifyOptions, Dialect } from './types.ts'

export interface ClassifierOptions extends ClassifyOptions {
  readonly dialect: Dialect
  /** Texts whose verdict is kept. Default 2000. */
  readonly cacheSize?: number
  /** Longer texts are judged each time, so that the cache stays small. In characters; default 16384. */
  readonly maxCachedLength?: number
  /** Texts that are remembered as refused. Default 1000. */
  readonly learnedSize?: number
  /** How long a refused text is remembered. In milliseconds; default 600000 (ten minutes). */
  readonly learnedTtlMs?: number
  /** The clock, in milliseconds. Default `Date.now`. */
  readonly now?: () => number
}

/** Judges texts, remembers the verdicts, and learns from the server's refusals. One for all connections to a database. */
export interface Classifier {
  /** The verdict on a text and the facts about it. One look-up where the text is known. */
  classify(sql: string): Analysis
  /** The server refused this text as a write: it is a write (`learned`) until the time to live is over or {@link forget} is called. */
  learn(sql: string): void
  /** Forgets what was learned. To be called after a statement whose analysis says `schema`. */
  forget(): void
}

interface Learned extends Analysis {
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
  const verdicts = new GenerationalCache<Analysis>(cacheSize)
  const learned = new GenerationalCache<Learned>(learnedSize)
  let anyLearned = false

  function judged(sql: string): Analysis {
    const analysis = analyse(sql, engine)
    if (sql.length <= maxCachedLength) verdicts.set(sql, analysis)
    return analysis
  }

  return {
    classify(sql) {
      const analysis = verdicts.get(sql) ?? judged(sql)
      if (!anyLearned || analysis.access === 'write') return analysis
      const entry = learned.get(sql)
      if (entry === undefined) return analysis
      if (entry.until > now()) return entry
      learned.delete(sql)
      return analysis
    },
    learn(sql) {
      if (sql.length > maxCachedLength) return
      learned.set(sql, {
        ...(verdicts.get(sql) ?? judged(sql)),
        access: 'write',
        reason: 'learned',
        until: now() + learnedTtlMs,
      })
      anyLearned = true
    },
    forget() {
      learned.clear()
      anyLearned = false
    },
  }
}
