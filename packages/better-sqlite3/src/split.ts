import type { BarePrepare, BareStatement } from './bare.ts'

/** How many semicolons are tried for the end of one statement: in a long text in quotes each would cost another look at it. */
const mostSemicolons = 500

/**
 * One statement of a text; without `statement` where SQLite finds a fault in it, or nothing in it. `several`: the rest of the
 * text, not taken apart.
 */
export interface Piece {
  readonly sql: string
  readonly statement: BareStatement | 'several' | undefined
}

/**
 * Takes a text of several statements apart. SQLite itself says where a statement ends, so that comments, strings and the
 * bodies of triggers are what they are for it: the driver does not hand on the rest of a text, but it says whether there
 * is more than one statement in it. Each statement is compiled when it is asked for, after the ones before it.
 *
 * @param prepare the driver's own
 */
export function* piecesOf(text: string, prepare: BarePrepare): Generator<Piece, void> {
  for (let rest = text; ; ) {
    const whole = attempt(rest, prepare)
    if (whole !== 'several') {
      yield { sql: rest, statement: whole }
      return
    }
    const end = endOfFirst(rest, prepare)
    if (end === undefined) {
      yield { sql: rest, statement: whole }
      return
    }
    const sql = rest.slice(0, end)
    yield { sql, statement: attempt(sql, prepare) }
    rest = rest.slice(end)
  }
}

/** Where the first statement of several ends: the first semicolon after which another statement begins. */
function endOfFirst(text: string, prepare: BarePrepare): number | undefined {
  let tries = 0
  for (let at = text.indexOf(';'); at !== -1 && tries < mostSemicolons; at = text.indexOf(';', at + 1), tries++) {
    // In a comment or a string, or in the body of a trigger, the word would be a part of it.
    if (attempt(`${text.slice(0, at + 1)}\nx`, prepare) === 'several') return at + 1
  }
  return undefined
}

/** Compiles a text; undefined where the engine has something to say about it, which it says again when it is run. */
function attempt(text: string, prepare: BarePrepare): BareStatement | 'several' | undefined {
  try {
    return prepare(text)
  } catch (error) {
    // The driver has no code for it.
    const { name, message } = error as Error
    return name === 'RangeError' && /more than one statement/.test(message) ? 'several' : undefined
  }
}
