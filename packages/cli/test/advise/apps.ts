import { join } from 'node:path'

/** Sends one request of a client, and reads the answer to its end. */
export type Send = (method: string, path: string, body?: object) => Promise<void>

/** An app of `examples/`, and what its clients do: the same each time. */
export interface AdvisedApp {
  readonly name: string
  readonly folder: string
  /** How the lab tells it of its replica. Default: by region. */
  readonly replicaVariables?: 'local'
  /** One client's requests. */
  visit(send: Send): Promise<void>
}

/** Mostly reads; a counter on GET, a transaction that writes half-way, and what its method says. */
async function readsPosts(send: Send): Promise<void> {
  await send('POST', '/posts', { title: 'a post' })
  for (let n = 0; n < 6; n++) await send('GET', '/posts')
  await send('GET', '/posts/1')
  await send('GET', '/report')
}

/** More than half of it writes. */
async function writesPosts(send: Send): Promise<void> {
  for (let n = 0; n < 3; n++) await send('POST', '/posts', { title: 'a post' })
  await send('GET', '/posts')
  await send('GET', '/posts/1')
}

/** A POST that reads, and may stay; and one that writes. */
async function searches(send: Send): Promise<void> {
  for (let n = 0; n < 4; n++) await send('POST', '/search', { text: 'post', remember: n === 0 })
  await send('GET', '/posts')
  await send('POST', '/posts', { title: 'a post' })
}

async function shops(send: Send): Promise<void> {
  await send('POST', '/login', { user: 'ada' })
  for (let n = 0; n < 9; n++) await send('GET', '/me')
  for (const item of ['tea', 'cups']) await send('POST', '/cart', { item })
}

const folderOf = (name: string): string => join(import.meta.dirname, '../../../../examples', name)

/** The doors of Node and of fetch, two adapters, sessions in the database. */
export const apps: readonly AdvisedApp[] = [
  { name: 'express', folder: folderOf('express'), visit: readsPosts },
  { name: 'fastify', folder: folderOf('fastify'), visit: searches },
  { name: 'hono', folder: folderOf('hono'), visit: writesPosts },
  { name: 'kysely-hono', folder: folderOf('kysely-hono'), replicaVariables: 'local', visit: readsPosts },
  { name: 'sessions', folder: folderOf('sessions'), visit: shops },
]
