import { setTimeout as sleep } from 'node:timers/promises'
import { currentScope, runInScope } from '../../src/request/scope.ts'
import type { FakeDatabase } from '../support/fake-database.ts'

/** A request's handler: resolves to what is answered. */
export type Work = (database: FakeDatabase) => Promise<string>

const write = async (database: FakeDatabase): Promise<unknown> => database.write()
/** A handler that goes on, and does not need what it began. */
const goesOn = async (): Promise<string> => sleep(5, 'ok')
/** A handler that waits for ever: its answer was to come from what has failed. */
const waits = (): Promise<never> => new Promise(() => undefined)

/** By name: refusals that no code handles, in requests that are replayed. */
export const refused: Readonly<Record<string, Work>> = {
  'a write that is not awaited': (database) => {
    void write(database)
    return goesOn()
  },
  'an async callback of forEach': (database) => {
    ;[1, 2, 3].forEach(async () => {
      await sleep(1)
      await write(database)
    })
    return goesOn()
  },
  'an error of its own around it': (database) => {
    void write(database).catch((cause: unknown) => {
      throw new Error('could not save', { cause })
    })
    return goesOn()
  },
  'a promise that is awaited too late': async (database) => {
    const saving = write(database)
    await sleep(5)
    await saving
    return 'ok'
  },
  'a callback that throws, and would have answered': (database) => {
    setImmediate(() => void database.write())
    return waits()
  },
  'a promise that its framework loses': (database) => {
    void write(database).then(() => 'ok')
    return waits()
  },
  'a promise that rejects when the replay was answered': (database) => {
    const saving = write(database).catch(async (error: unknown) => {
      await sleep(20)
      throw error
    })
    void saving
    return goesOn()
  },
}

/** By name: errors that end the process, as they would without us. */
export const ending: Readonly<Record<string, Work>> = {
  "the app's own, in a request that is replayed": (database) => {
    void write(database).catch(() => {
      throw new Error('the last word')
    })
    return goesOn()
  },
  "the app's own, in a request that reads": () => {
    void goesOn().then(() => {
      throw new Error('the last word')
    })
    return waits()
  },
  'a refusal whose request is not replayed after all': (database) => {
    const request = currentScope()?.request
    void write(database)
    return sleep(5).then(() => {
      // A function that was taken for a read has written.
      request?.noteCommit(database.replication.name)
      return 'ok'
    })
  },
  'a refusal outside of any request': (database) => {
    runInScope(undefined, () => void write(database))
    return waits()
  },
}
