import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type LateSubject, poolSize } from './subject.ts'

/** One request of the app: where its row is written, and what there is to write it with. */
export interface LateRequest {
  readonly subject: LateSubject
  readonly id: number
  readonly response: ServerResponse
  /** The statement that writes the n-th row of this request. */
  write(part: number): string
  /** The same, in a way that no text shows, and some time after it was sent. */
  writeSlowly(part: number): string
}

/** What an app does to answer a request, by name. */
export type Kinds = Readonly<Record<string, (request: LateRequest) => Promise<unknown>>>

/** Work that goes on when its request has been answered. Nothing here catches an error, as in code that means well. */
export const lateKinds: Kinds = {
  async 'listener of finish'({ subject, response, write }) {
    response.on('finish', () => {
      void subject.query(write(2))
    })
    await subject.query(write(1))
  },

  async 'listener of close'({ subject, response, write }) {
    const log = async (): Promise<void> => {
      await subject.query(write(2))
    }
    response.on('close', () => inBackground(log))
    await subject.query(write(1))
  },

  async 'timer with an async function'({ subject, response, write }) {
    const log = async (): Promise<void> => {
      await subject.query(write(2))
    }
    response.on('finish', () => setTimeout(() => inBackground(log), 3))
    await subject.query(write(1))
  },

  async 'answer that is streamed, and its refusal swallowed'({ subject, response, write }) {
    for (const part of [1, 2]) await subject.query(write(part)).catch(() => undefined)
    await pipeline(Readable.from(['some ', 'rows']), response)
  },

  'later branch of Promise.all': ({ subject, write }) =>
    Promise.all([subject.query(write(1)), sleep(2).then(() => subject.query(write(2)))]),

  async 'function that writes, refused when its request was replayed'({ subject, write, writeSlowly }) {
    inBackground(() => subject.query(writeSlowly(2)))
    await subject.query(write(1))
  },

  async 'transaction that is never given back'({ subject, write }) {
    const connection = await subject.connect()
    await connection.query('begin')
    await connection.query('select 1')
    await subject.query(write(1))
    await connection.query(write(2))
    await connection.query('commit')
    connection.release()
  },

  async 'connection that is never used'({ subject, write }) {
    const connection = await subject.connect()
    await subject.query(write(1))
    await subject.query(write(2))
    connection.release()
  },

  async 'connection that is checked out late'({ subject, response, write }) {
    const log = async (): Promise<void> => {
      const connection = await subject.connect()
      await connection.query(write(2))
      connection.release()
    }
    response.on('finish', () => inBackground(log))
    await subject.query(write(1))
  },

  async 'connection with a statement under way'({ subject, write }) {
    inBackground(async () => {
      const connection = await subject.connect()
      await connection.query(subject.sleep(100))
      await connection.query('select 1')
      connection.release()
    })
    // That is sent by then.
    await subject.query('select 1')
    await subject.query(write(1))
    await subject.query(write(2))
  },

  async 'more connections than there are'({ subject, write }) {
    for (let n = 0; n < poolSize; n++) {
      inBackground(async () => {
        const connection = await subject.connect()
        await connection.query(subject.sleep(1))
        connection.release()
      })
    }
    await subject.query(write(1))
    await subject.query(write(2))
  },
}

/** What nothing awaits: an error in it would end the process. */
function inBackground(work: () => Promise<unknown>): void {
  void work()
}
