// Every snippet of the README is run, in the surroundings that its reader has: a local replica in `ams`, the primary
// in `ord`. A snippet that is not known here fails, so none can be added without being run.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type PostgresCluster, startPostgres } from '@flyroute/lab/databases'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

interface Surroundings {
  /** Before the snippet: what the reader's app has. */
  readonly before?: string
  /** Behind it: what must hold. */
  readonly after: string
  /** The snippet stands in a handler: `return` and `throw` are its own. */
  readonly inHandler?: boolean
}

const ownPool = `import { createPool } from '@flyroute/pg'\nconst pool = createPool()\n`

/** By a line that only this snippet has. */
const surroundings: Record<string, Surroundings> = {
  'const pool = createPool()\n': {
    after: `expect((await pool.query('select title from post')).rows).toEqual([{ title: 'first' }])
      expect((await pool.replication.status()).role).toBe('replica')`,
  },
  'app.use(replayMiddleware({ databases: [pool] }))': {
    before: `import express from 'express'\n${ownPool}const app = express()\n`,
    after: `app.get('/', async (_, response) => { response.json((await pool.query('select title from post')).rows) })
      app.post('/', (_, response) => { response.json('not here') })
      const server = app.listen(0)
      const url = 'http://127.0.0.1:' + server.address().port
      expect(await (await fetch(url)).json()).toEqual([{ title: 'first' }])
      expect((await fetch(url, { method: 'POST' })).headers.get('fly-replay')).toContain('region=ord')
      server.close()`,
  },
  'serve({ fetch: replayable(app.fetch': {
    before: `import { Hono } from 'hono'\n${ownPool}const app = new Hono()\nlet handler\nconst serve = ({ fetch }) => { handler = fetch }\n`,
    after: `app.get('/', async (c) => c.json((await pool.query('select title from post')).rows))
      expect(await (await handler(new Request('http://localhost/'))).json()).toEqual([{ title: 'first' }])
      expect((await handler(new Request('http://localhost/', { method: 'DELETE' }))).headers.get('fly-replay')).toContain('region=ord')`,
  },
  'const answer = replayResponse(error)': {
    inHandler: true,
    before: `${ownPool}const handle = (request) => pool.query("insert into post values ('second')")\n`,
    after: `expect((await handler({})).headers.get('fly-replay')).toContain('region=ord')`,
  },
  'await runWithToken(token': {
    before: `${ownPool}let title\nconst sendInvoice = async () => { title = (await pool.query('select title from post')).rows[0].title }\n`,
    after: `expect(title).toBe('first')`,
  },
  "simulate: 'replica'": {
    before: `import { createPool } from '@flyroute/pg'\n`,
    after: '',
  },
}

const root = join(import.meta.dirname, '../../..')
const snippets = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/```ts\n([\s\S]*?)```/g)].map(
  ([, code]) => code as string,
)
const generated = join(import.meta.dirname, '../generated')
const environment = process.env
let cluster: PostgresCluster

beforeAll(async () => {
  cluster = await startPostgres({ replicas: ['ams'] })
  await cluster.primary.query("create table post as select 'first' as title; grant all on post to app")
  await cluster.caughtUp()
  mkdirSync(generated, { recursive: true })
  process.env = {
    ...environment,
    FLY_REGION: 'ams',
    PRIMARY_REGION: 'ord',
    DATABASE_URL: cluster.primary.url,
    DATABASE_URL_AMS: cluster.node('ams').url,
    TEST_DATABASE_URL: cluster.primary.url,
  }
}, 60_000)

afterAll(async () => {
  process.env = environment
  rmSync(generated, { recursive: true, force: true })
  await cluster?.dispose()
})

test.each(
  snippets.map(
    (code, index) =>
      [code.split('\n').find((line) => !line.startsWith('import') && line !== '') ?? '', code, index] as const,
  ),
)('runs: %s', async (_, code, index) => {
  const known = Object.entries(surroundings).find(([line]) => code.includes(line))
  if (known === undefined) throw new Error(`Say in this test what surrounds this snippet:\n${code}`)
  const [, { before = '', after, inHandler = false }] = known
  const file = join(generated, `snippet-${index}.ts`)
  writeFileSync(file, compose(before, code, after, inHandler))
  const { run } = (await import(file)) as { run: () => Promise<void> }
  await run()
})

test('the commands that it names exist', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const named = [...readme.matchAll(/npx -y pnpm@12 (\w+)/g)].map(([, name]) => name as string)
  expect(named.length).toBeGreaterThan(0)
  for (const name of named) expect(Object.keys(scripts)).toContain(name)
})

/** A module of the snippet and what surrounds it; its imports first, as modules want them. */
function compose(before: string, code: string, after: string, inHandler: boolean): string {
  const lines = `${before}${code}`.split('\n')
  const imports = [...new Set(lines.filter((line) => line.startsWith('import ')))]
  const own = before.split('\n').filter((line) => !line.startsWith('import '))
  const body = code.split('\n').filter((line) => !line.startsWith('import '))
  const main = inHandler ? ['const handler = async (request) => {', ...body, '}'] : body
  const close = /\bpool = /.test(`${own.join('\n')}${body.join('\n')}`) ? 'await pool.end()' : ''
  return [
    "import { expect } from '@jest/globals'",
    ...imports,
    'export async function run() {',
    ...own,
    ...main,
    after,
    close,
    '}',
  ].join('\n')
}
