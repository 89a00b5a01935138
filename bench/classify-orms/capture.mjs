// Runs each ORM through its everyday life against real servers and writes down what it sends:
//
//   npm install --legacy-peer-deps && npx prisma generate --schema schema.prisma && npm run capture
//
// The output is the fixture of packages/core/test/classify/orms.test.ts.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startMysql, startPostgres } from '@flyroute/lab/databases'
import { listen, recorded } from './record.mjs'

const fixture = new URL('../../packages/core/test/classify/fixtures/orms.json', import.meta.url)

/** The packages whose versions count, and the modules that show how each is used. */
const orms = {
  drizzle: 'drizzle-orm',
  kysely: 'kysely',
  knex: 'knex',
  sequelize: 'sequelize',
  typeorm: 'typeorm',
  'mikro-orm': '@mikro-orm/core',
  prisma: '@prisma/client',
}

// An ORM may bring its own copy of a driver.
for (const from of [
  '',
  'node_modules/@mikro-orm/postgresql/',
  'node_modules/@mikro-orm/mysql/',
  'node_modules/@mikro-orm/sqlite/',
]) {
  listen(new URL(`./${from}package.json`, import.meta.url))
}

await using postgres = await startPostgres()
await using mysql = await startMysql()
const folder = await mkdtemp(join(tmpdir(), 'flyroute-orms-'))
const urls = {
  postgres: () => postgres.primary.url,
  mysql: () => mysql.primary.url,
  sqlite: (name) => join(folder, `${name}.db`),
}

const captured = []
for (const [name, packageName] of Object.entries(orms)) {
  const { version } = JSON.parse(
    await readFile(new URL(`./node_modules/${packageName}/package.json`, import.meta.url), 'utf8'),
  )
  const { run, dialects = ['postgres', 'mysql', 'sqlite'] } = await import(`./${name}.mjs`)
  for (const dialect of dialects) {
    const statements = await recorded(() => run(dialect, urls[dialect](name)))
    captured.push({ orm: name, version, dialect, statements })
    console.log(`${name} ${version} ${dialect}: ${statements.length} statements`)
  }
}
await writeFile(fixture, `${JSON.stringify(captured, undefined, 1)}\n`)
await rm(folder, { recursive: true })
