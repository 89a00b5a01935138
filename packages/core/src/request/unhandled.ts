import { findPrimaryRequired } from '../errors/find.ts'
import { ownerOf } from '../errors/owner.ts'

/** Marks a process whose errors are looked after. */
const looksAfter = Symbol.for('flyroute.unhandled.v1')

/**
 * Keeps refusals that the app neither awaits nor catches from ending the process, where the replay does their work: the app
 * would have had no error without us.
 *
 * Why no listener: one listener switches off what Node does with all errors that no code handles. Node asks by `process.emit`, so
 * that the answer can be given there for errors of ours alone; of all others nothing is changed, not even the number of listeners.
 */
export function lookAfterUnhandled(): void {
  const { process } = globalThis
  // Other runtimes than Node's have none, or one that does not ask.
  if (typeof process?.emit !== 'function' || Object.hasOwn(process, looksAfter)) return
  Object.defineProperty(process, looksAfter, { value: true })
  const emit = process.emit as (...args: unknown[]) => boolean
  const promises = new WeakSet<object>()
  /** Whether it is by this event that Node asks whether any code looks after an error of ours. It ends the process where none does. */
  const isOurs = (event: unknown, subject: unknown, promise: unknown): boolean => {
    switch (event) {
      case 'unhandledRejection':
        if (!isMadeUpFor(subject)) return false
        if (promise instanceof Promise) promises.add(promise)
        return true
      case 'uncaughtException':
        return isMadeUpFor(subject)
      // It is awaited after all: Node would warn of that.
      case 'rejectionHandled':
        return promises.has(subject as object)
      default:
        return false
    }
  }
  const value = function (this: unknown, ...args: unknown[]): boolean {
    return isOurs(args[0], args[1], args[2]) || emit.apply(this, args)
  }
  Object.defineProperty(process, 'emit', { value, configurable: true, writable: true })
}

function isMadeUpFor(error: unknown): boolean {
  const refusal = findPrimaryRequired(error)
  return refusal !== undefined && ownerOf(refusal)?.makesUpFor(error) === true
}

/** Hands an error to Node once more, as one that no code handles. */
export function throwUnhandled(error: unknown): void {
  void Promise.reject(error)
}

/**
 * Hands an error to the app's callback. A refusal that it throws (`if (error) throw error`) is no way out of the driver that calls, which
 * may be in the middle of an answer: it is thrown later. What else it throws goes the driver's way.
 */
export function failBack(callback: () => unknown): void {
  try {
    callback()
  } catch (thrown) {
    if (findPrimaryRequired(thrown) === undefined) throw thrown
    throwUnhandled(thrown)
  }
}
