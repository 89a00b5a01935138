import type { FlyroutePool } from '@flyroute/pg'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import pg from 'pg'
import { Bench } from './support/open.ts'

// Whoever watches or changes what the driver does (tracing, logs) puts functions in the place of its methods. A plain read, which
// goes a short way of ours, passes all of them.

const bench = new Bench('create table patched (id int primary key); insert into patched values (1)')
let seen: string[] = []
let undo: (() => void) | undefined
beforeEach(() => {
  seen = []
})
afterEach(() => {
  undo?.()
  undo = undefined
})

interface Methods {
  query(...args: unknown[]): unknown
  connect(...args: unknown[]): unknown
}

/** Puts a function in the place of a method that says so. */
function patch(owner: object, method: keyof Methods, name: string): void {
  const methods = owner as Methods
  const isOwn = Object.hasOwn(owner, method)
  const original = methods[method]
  methods[method] = function (this: unknown, ...args) {
    seen.push(name)
    return original.apply(this, args)
  }
  undo = () => {
    if (isOwn) methods[method] = original
    else Reflect.deleteProperty(owner, method)
  }
}

const read = async (pool: FlyroutePool): Promise<unknown> => (await pool.query('select id from patched')).rows

test('nothing is in the place of anything', async () => {
  expect(await read(bench.far())).toEqual([{ id: 1 }])
  expect(seen).toEqual([])
})

test.each([
  ['query', 'the class of the pool', pg.Pool.prototype],
  ['connect', 'the class of the pool', pg.Pool.prototype],
  ['query', 'the class of the client', pg.Client.prototype],
] as const)('%s of %s', async (method, name, owner) => {
  const pool = bench.far({ max: 1 })
  await read(pool)
  patch(owner, method, name)
  expect(await read(pool)).toEqual([{ id: 1 }])
  expect(seen).toEqual([name])
})

test.each(['query', 'connect'] as const)('%s of the pool', async (method) => {
  const pool = bench.far({ max: 1 })
  await read(pool)
  patch(pool, method, 'the pool')
  expect(await read(pool)).toEqual([{ id: 1 }])
  expect(seen).toEqual(['the pool'])
})

test('the log of the pool', async () => {
  const pool = bench.far({ max: 1, log: (message: string) => seen.push(message) })
  await read(pool)
  expect(seen).toEqual(expect.arrayContaining(['dispatching query', 'query dispatched']))
})

test('query of a client, as each is made', async () => {
  const pool = bench.far({ max: 1 })
  pool.on('connect', (client) => patch(client, 'query', 'the client'))
  expect(await read(pool)).toEqual([{ id: 1 }])
  expect(await read(pool)).toEqual([{ id: 1 }])
  expect(seen).toEqual(['the client', 'the client'])
})

test('a query of a client that throws rejects, and the connection is dropped', async () => {
  const pool = bench.far({ max: 1 })
  const thrown = new Error('not today')
  pool.once('connect', (client) => {
    client.query = (() => {
      throw thrown
    }) as typeof client.query
  })
  await expect(read(pool)).rejects.toBe(thrown)
  expect(await read(pool)).toEqual([{ id: 1 }])
})
