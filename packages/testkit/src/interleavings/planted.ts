import { BorrowedPrimary, Catalogue, RequestState } from '@flyroute/core/adapter'

/** A fault that a request's life once had, or could have: planted for as long as a search takes. */
export interface PlantedBug {
  readonly name: string
  /** What is to be found. */
  readonly symptom: RegExp
  /** @returns what takes it out again */
  plant(): () => void
}

const { prototype: state } = RequestState
const nothing = (): void => undefined

/** Each must be found: a search that does not find it would not find the next one of its kind either. */
export const plantedBugs: readonly PlantedBug[] = [
  // "Its answer has begun", which lets what the request still does go on with the primary.
  method('a replay is not final', /behind the replay/, state, 'answerReplay', () => {
    return function (this: RequestState) {
      return this.whyNotReplayable() === undefined
    }
  }),
  getter('late work reaches a server', /behind the replay/, state, 'isReplayed', () => false),
  // It counts when it has arrived: until then another statement still has the request replayed.
  method(
    'a write on its way is not registered',
    /written 2 times|and its request replayed/,
    state,
    'beginWrite',
    () => {
      return function (this: RequestState, database: string) {
        if (this.isReplayed || this.refusal !== undefined) return false
        this.written.add(database)
        return true
      }
    },
  ),
  getter(
    'a write begins while a refusal stands',
    /refused, and its request not replayed/,
    state,
    'refusal',
    () => undefined,
  ),
  // The same race, with two winners: the refusal is carried out, and so is the write.
  {
    name: 'a refusal and a write both win',
    symptom: /written 2 times|and its request replayed/,
    plant() {
      const bugs = [
        method('', /$/, state, 'whyNotReplayable', (whyNot) => {
          return function (this: RequestState) {
            const why = whyNot.call(this)
            return why === 'already-written' ? undefined : why
          }
        }),
        method('', /$/, state, 'beginWrite', (beginWrite) => {
          return function (this: RequestState, database: string) {
            beginWrite.call(this, database)
            return true
          }
        }),
      ].map((bug) => bug.plant())
      return () => bugs.reverse().forEach((takeOut) => takeOut())
    },
  },
  method(
    'a refusal behind a commit replays',
    /written 2 times|and its request replayed/,
    state,
    'whyNotReplayable',
    (whyNot) => {
      return function (this: RequestState) {
        const why = whyNot.call(this)
        return why === 'already-written' && this.writesUnderWay === 0 ? undefined : why
      }
    },
  ),
  method(
    'a refusal beside a write replays',
    /written 2 times|not replayed|and its request replayed/,
    state,
    'whyNotReplayable',
    (whyNot) => {
      return function (this: RequestState) {
        const why = whyNot.call(this)
        return why === 'already-written' && !this.committed ? undefined : why
      }
    },
  ),
  method(
    'a COMMIT without an answer counts as failed',
    /written 2 times|and its request replayed/,
    state,
    'endWrite',
    (endWrite) => {
      return function (this: RequestState, database, outcome) {
        endWrite.call(this, database, outcome === 'unknown' ? 'failed' : outcome)
      }
    },
  ),
  method(
    'a refusal that is caught is forgotten',
    /refused, and its request not replayed/,
    state,
    'refuse',
    () => nothing,
  ),
  method(
    'a function that writes counts as a read on a primary',
    /written 2 times|and its request replayed/,
    Catalogue.prototype,
    'mayWrite',
    () => () => false,
  ),
  // Some pools end without those that are checked out.
  method(
    'what a replayed request holds is not taken back',
    /did not come home|left open/,
    state,
    'hold',
    () => nothing,
  ),
  method(
    'a borrowed connection is not given back',
    /did not come home/,
    BorrowedPrimary.prototype,
    'leave',
    () => nothing,
  ),
]

/** @param make what is in the place of a method, out of the one that is there */
function method<T, K extends keyof T>(
  name: string,
  symptom: RegExp,
  prototype: T,
  key: K,
  make: (original: T[K]) => T[K],
): PlantedBug {
  return {
    name,
    symptom,
    plant() {
      const original = prototype[key]
      prototype[key] = make(original)
      return () => {
        prototype[key] = original
      }
    },
  }
}

function getter<T extends object, K extends keyof T>(
  name: string,
  symptom: RegExp,
  prototype: T,
  key: K,
  get: () => T[K],
): PlantedBug {
  return {
    name,
    symptom,
    plant() {
      const original = Object.getOwnPropertyDescriptor(prototype, key) as PropertyDescriptor
      Object.defineProperty(prototype, key, { ...original, get })
      return () => void Object.defineProperty(prototype, key, original)
    },
  }
}
