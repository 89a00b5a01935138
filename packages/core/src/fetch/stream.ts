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
