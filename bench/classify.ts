// What it costs to know whether a statement reads or writes, and how often one is right: `classify()` against regexps and
// syntax trees, on the statements of the classifier's own tests, whose verdicts real read-only servers have confirmed.
import { readFileSync } from 'node:fs'
import { type Access, classify, type Dialect } from '@flyroute/core'
import { createClassifier } from '@flyroute/core/adapter'
import { mysql } from '../packages/core/test/classify/cases/mysql.ts'
import { postgres } from '../packages/core/test/classify/cases/postgres.ts'
import { sqlite } from '../packages/core/test/classify/cases/sqlite.ts'
import { type Peer, peers } from './lib/classify-peers.ts'

const short = process.argv.includes('--short')

interface Statement {
  readonly sql: string
  readonly access: Access
}

/** The rows of the tests' tables and what ORMs send. The latter are classified by us, and so count for time alone. */
const captures: { dialect: Dialect; statements: { sql: string }[] }[] = JSON.parse(
  readFileSync(new URL('../packages/core/test/classify/fixtures/orms.json', import.meta.url), 'utf8'),
)
const tables = { postgres, mysql, sqlite }

/** Every text is a string of its own, as it comes from a driver: no look-up by identity. */
const fresh = (sql: string): string => Buffer.from(sql).toString()

/** Processor time of one classification in nanoseconds: the best of some rounds, as whatever disturbs only ever adds. */
function timeOf(list: readonly string[], classifyOne: (sql: string) => unknown, share = 1): number {
  const some = list.slice(0, Math.max(20, Math.floor(list.length * share)))
  const round = (times: number): number => {
    const begun = process.cpuUsage().user
    for (let i = 0; i < times; i++) for (const sql of some) classifyOne(sql)
    return process.cpuUsage().user - begun
  }
  // Until the compiler has seen enough, and to learn how often makes a round of some length.
  let spent = 0
  let times = 0
  while (spent < (short ? 50_000 : 300_000)) {
    spent += round(1)
    times++
  }
  const repeat = Math.max(1, Math.ceil((times * 20_000) / spent))
  const rounds = Array.from({ length: short ? 3 : 11 }, () => round(repeat) / (repeat * some.length))
  return Math.min(...rounds) * 1000
}

for (const dialect of ['postgres', 'mysql', 'sqlite'] as const) {
  const table: Statement[] = tables[dialect].map(({ sql, access, runsThough }) => ({
    sql,
    access: runsThough === undefined || runsThough.startsWith('a lock') ? access : 'read',
  }))
  const orms = captures
    .filter((capture) => capture.dialect === dialect)
    .flatMap(({ statements }) => statements.map(({ sql }) => sql))
  const texts = [...table.map(({ sql }) => sql), ...orms].map(fresh)
  const sure = table.filter(({ access }) => access !== 'unknown')
  const classifier = createClassifier({ dialect, cacheSize: texts.length * 4 })
  const contenders: Peer[] = [
    { name: 'classify', dialects: [dialect], share: 1, isWrite: (sql) => classify(sql, dialect).access === 'write' },
    {
      name: 'classifier, cached',
      dialects: [dialect],
      share: 1,
      isWrite: (sql) => classifier.classify(sql).access === 'write',
    },
    ...peers.filter(({ dialects }) => dialects.includes(dialect)),
  ]
  const mean = texts.reduce((sum, text) => sum + text.length, 0) / texts.length
  console.log(
    `\n${dialect}: ${texts.length} statements of ${mean.toFixed(0)} characters; ns a statement, and how many of the ${sure.length} sure ones are right`,
  )
  for (const { name, share, isWrite } of contenders) {
    const right = sure.filter(({ sql, access }) => isWrite(sql) === (access === 'write')).length
    console.log(
      `  ${name.padEnd(22)} ${timeOf(texts, isWrite, share).toFixed(0).padStart(9)} ns  ${((100 * right) / sure.length).toFixed(1).padStart(6)} %`,
    )
  }
}

console.log('\nlong texts: MB/s of classify, and of the classifier with all its facts')
const writable = createClassifier({ dialect: 'postgres', maxCachedLength: -1 })
for (const [title, make] of [
  ['words', (size: number) => `select ${'total, '.repeat(size / 7)}1 from orders`],
  ['quoted names', (size: number) => `select ${'"t"."total", '.repeat(size / 13)}1 from orders`],
  ['parameters', (size: number) => `select 1 from orders where id in (${'$1234,'.repeat(size / 6)}$1)`],
  ['one literal', (size: number) => `select '${'x'.repeat(size)}' from orders`],
  ['an insert', (size: number) => `insert into orders values ${"(1, 'abc'), ".repeat(size / 12)}(1, 'abc')`],
] as const) {
  const figures = [1e3, 1e5, 1e7].map((size) => {
    const text = fresh(make(size))
    const list = Array.from({ length: Math.max(1, 2e5 / size) }, () => text)
    const speed = (classifyOne: (sql: string) => unknown): string =>
      ((text.length / timeOf(list, classifyOne)) * 1000).toFixed(0).padStart(6)
    return `${speed((sql) => classify(sql, 'postgres'))} /${speed((sql) => writable.classify(sql))}`
  })
  console.log(`  ${title.padEnd(14)} 1 KB ${figures[0]}   100 KB ${figures[1]}   10 MB ${figures[2]}`)
}
