import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { currentScope } from '@flyroute/core/adapter'
import type { Kinds, LateRequest } from './kinds.ts'

/**
 * Writes that are refused before their request is answered, and whose errors meet no code that handles them: each would end the process.
 * Where they run, each writes both of its rows.
 */
export const unhandledKinds: Kinds = {
  async 'write that is not awaited'(request) {
    const { subject, write } = request
    void subject.query(write(1))
    void save(request, 2)
    await refused(request)
  },

  async 'async callback of forEach'(request) {
    // Said to give anything, so that the linter lets it pass.
    const each: (part: number) => unknown = async (part) => {
      await read(request)
      await save(request, part)
    }
    ;[1, 2].forEach(each)
    await refused(request)
  },

  async 'async listener of an event emitter'(request) {
    const emitter = new EventEmitter().on('order', (part: number): unknown => save(request, part))
    for (const part of [1, 2]) emitter.emit('order', part)
    await refused(request)
  },

  async 'promise that is awaited too late'(request) {
    const saving = [save(request, 1), save(request, 2)]
    await refused(request)
    await Promise.all(saving)
  },

  async 'Promise.all in which another branch fails first'(request) {
    const { subject } = request
    const saves = read(request).then(() => Promise.all([save(request, 1), save(request, 2)]))
    await Promise.all([subject.query('select 1 from nowhere'), saves]).catch(() => refused(request))
  },

  async 'error of its own around the refusal'(request) {
    for (const part of [1, 2]) {
      void save(request, part).catch((cause: unknown) => {
        throw new Error('The order was not saved', { cause })
      })
    }
    await refused(request)
  },

  async 'function that writes, refused when it has arrived'(request) {
    const { subject, writeSlowly } = request
    void subject.query(writeSlowly(1))
    void subject.query(writeSlowly(2))
    await refused(request)
  },

  'promise that its framework loses': (request) =>
    new Promise<void>((answer) => {
      void save(request, 1)
        .then(() => save(request, 2))
        .then(() => answer())
    }),

  'callback that throws, and would have answered': ({ subject, write }) =>
    new Promise<void>((answer) => {
      const { call } = subject
      call(write(1), (error) => {
        if (error) throw error
        call(write(2), (later) => {
          if (later) throw later
          answer()
        })
      })
    }),

  'callback of a function that writes': ({ subject, writeSlowly }) =>
    new Promise<void>((answer) => {
      let saved = 0
      for (const part of [1, 2]) {
        subject.call(writeSlowly(part), (error) => {
          if (error) throw error
          if (++saved === 2) answer()
        })
      }
    }),
}

async function save({ subject, write }: LateRequest, part: number): Promise<void> {
  await subject.query(write(part))
}

async function read({ subject }: LateRequest): Promise<void> {
  await subject.query('select 1')
}

/** Does something else until a write was refused: in a request that has answered before, it would run on the primary. */
async function refused({ subject }: LateRequest): Promise<void> {
  const { role } = subject.database.replication.topology
  while (role === 'replica' && currentScope()?.request.refusal === undefined) await sleep(5)
}
