import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import * as core from '@flyroute/core'
import * as coreFetch from '@flyroute/core/fetch'
import type { FlyroutePool } from '@flyroute/pg'
import * as ours from '@flyroute/pg'
import { expect, test } from '@jest/globals'
import { Bench } from './support/open.ts'

// What a reader copies has to work: each snippet of the README is run as it stands.

const bench = new Bench('create table post (id serial primary key, title text)')

const modules: Record<string, object> = {
  '@flyroute/core': core,
  '@flyroute/core/fetch': coreFetch,
  '@flyroute/pg': ours,
}

const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')
const snippets = [...readme.matchAll(/^## (.+?)\n(?:(?!^## )[\s\S])*?^```ts\n([\s\S]*?)^```/gm)].map(
  ([, heading = '', code = '']) => [heading, code] as const,
)

/** Runs a snippet with the variables of a machine, and hands out what it declares. */
async function run(heading: string, env: Record<string, string>): Promise<Record<string, unknown>> {
  const code = snippets.find(([title]) => title === heading)?.[1]
  if (code === undefined) throw new Error(`The README has no snippet under ${heading}`)
  const body = stripTypeScriptTypes(code).replace(/^import (\{.*\}) from '(.*)'$/gm, "const $1 = modules['$2']")
  const names = [...body.matchAll(/^const (?:\{ )?(\w+)(?: \})? =(?! modules)/gm)].map(([, name]) => name)
  const AsyncFunction = (async () => undefined).constructor as new (
    ...args: string[]
  ) => (from: object) => Promise<Record<string, unknown>>
  const before = { ...process.env }
  Object.assign(process.env, env)
  try {
    return await new AsyncFunction('modules', `${body}\nreturn { ${names.join(', ')} }`)(modules)
  } finally {
    for (const name of Object.keys(env)) delete process.env[name]
    Object.assign(process.env, before)
  }
}

const titles = async (): Promise<unknown> =>
  (await bench.cluster.primary.query('select title from post order by id')).map(
    (row) => (row as { title: string }).title,
  )

test('all snippets are known here', () => {
  expect(snippets.map(([heading]) => heading)).toEqual([
    'A route',
    'A job, a cron, a migration',
    'A unit test: “this route replays”',
    'With an ORM',
  ])
})

test('A route', async () => {
  const { pool, handler } = (await run('A route', bench.env)) as unknown as {
    pool: FlyroutePool
    handler: (request: Request) => Promise<Response>
  }
  const read = await handler(new Request('http://app.test/'))
  expect(await read.json()).toEqual([])
  const write = await handler(new Request('http://app.test/', { method: 'POST', body: 'hello' }))
  expect(write.headers.get('fly-replay')).toMatch(/region=ord/)
  await pool.end()
  const home = (await run('A route', { ...bench.env, FLY_REGION: 'ord' })) as unknown as {
    pool: FlyroutePool
    handler: typeof handler
  }
  const written = await home.handler(new Request('http://app.test/', { method: 'POST', body: 'hello' }))
  expect(await written.json()).toEqual([{ title: 'hello' }])
  expect(written.headers.get('set-cookie')).toMatch(/^flyroute=/)
  await home.pool.end()
})

test('A job', async () => {
  const { pool } = (await run('A job, a cron, a migration', bench.env)) as unknown as { pool: FlyroutePool }
  expect(await titles()).toContain('nightly')
  await pool.end()
})

test('A unit test', async () => {
  const { pool, replays } = (await run('A unit test: “this route replays”', {
    DATABASE_URL: bench.cluster.primary.url,
  })) as unknown as { pool: FlyroutePool; replays: boolean }
  expect(replays).toBe(true)
  expect(await titles()).not.toContain('seen')
  await pool.end()
})

test('With an ORM', async () => {
  expect((await run('With an ORM', bench.env))['rows']).toEqual([{ posts: expect.any(Number) }])
})
