import { runInScope, type Scope } from '../request/scope.ts'

type Method = (this: unknown, ...args: unknown[]) => unknown

/**
 * Has a stream that is made while it is read be made in the scope, and not in the context of its reader. The stream
 * stays the one it is: only how it is read is changed.
 */
export function readInScope(stream: ReadableStream, scope: Scope): void {
  wrap(stream, 'getReader', (reader) => wrapAll(reader, ['read', 'cancel']))
  wrap(stream, 'values', (iterator) => wrapAll(iterator, ['next', 'return']))
  wrap(stream, Symbol.asyncIterator, (iterator) => wrapAll(iterator, ['next', 'return']))
  wrap(stream, 'tee', (branches) => (branches as ReadableStream[]).forEach((branch) => readInScope(branch, scope)))
  wrapAll(stream, ['cancel', 'pipeThrough', 'pipeTo'])

  function wrapAll(object: unknown, names: readonly string[]): void {
    for (const name of names) wrap(object, name)
  }

  /** Runs the method in the scope. */
  function wrap(object: unknown, name: PropertyKey, then?: (result: unknown) => void): void {
    const method = Reflect.get(object as object, name) as Method | undefined
    if (method === undefined) return
    const value: Method = (...args) => {
      const result = runInScope(scope, () => method.apply(object, args))
      then?.(result)
      return result
    }
    // Where the app has frozen it, it stays as it is.
    Reflect.defineProperty(object as object, name, { value, configurable: true, writable: true })
  }
}

/** How long (ms) a stream that is sent nowhere may go on. */
const patienceMs = 1_000
/** So many chunks are read before other code has its turn: a stream that always has one more would let nothing else happen. */
const chunksATurn = 64

/**
 * Reads a stream to nowhere. What does not end is given up after a while, with the request's refusal as the reason: that is what the code that
 * writes into it meets, and no code has to handle it.
 */
export function drainInScope(stream: ReadableStream, scope: Scope): void {
  const reader = stream.getReader()
  const giveUp = (): void => void reader.cancel(scope.request.refusal).catch(() => undefined)
  const drain = async (): Promise<void> => {
    const timer = setTimeout(giveUp, patienceMs)
    timer.unref?.()
    for (let chunks = 1; !(await reader.read()).done; chunks++) {
      if (chunks % chunksATurn === 0) await new Promise((resolve) => setTimeout(resolve))
    }
    clearTimeout(timer)
  }
  // What fails in it is told to what makes it.
  runInScope(scope, drain).catch(() => undefined)
}
