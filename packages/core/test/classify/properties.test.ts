import { type Access, classify, type Dialect } from '@flyroute/core'
import { createClassifier } from '@flyroute/core/adapter'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { mysql } from './cases/mysql.ts'
import { postgres } from './cases/postgres.ts'
import { sqlite } from './cases/sqlite.ts'
import type { Row } from './cases/table.ts'

const tables: Record<Dialect, Row[]> = { postgres, mysql, sqlite }
const dialects = ['postgres', 'mysql', 'sqlite'] as const

/** Text that would be a write, were it not where it is. */
const bait = fc.constantFrom(
  'insert into t values (1)',
  'for update',
  '; drop table t; ',
  'delete',
  "nextval('s')",
  'x',
  '',
  '--',
  '/*',
  'select',
  'é😀',
)

/** Any UTF-16 there is, lone surrogates and NUL included. */
function anything(maxLength: number): fc.Arbitrary<string> {
  return fc.uint16Array({ maxLength }).map((units) => String.fromCharCode(...units))
}

/** White space and comments, at least one of them. */
function gaps(dialect: Dialect): fc.Arbitrary<string> {
  const blank = fc.constantFrom(' ', '\n', '\t', '\r\n', '   ')
  const inside = bait.filter((text) => !text.includes('/*'))
  const comments = [inside.map((text) => `/* ${text} */`), inside.map((text) => `-- ${text}\n`)]
  if (dialect === 'postgres') comments.push(inside.map((text) => `/* /* ${text} */ ${text} */`))
  if (dialect === 'mysql') comments.push(inside.map((text) => `# ${text}\n`))
  // A gap begins with a blank: "a--" would be a comment, and "5/" no beginning of one.
  return fc
    .tuple(blank, fc.array(fc.oneof(blank, ...comments), { maxLength: 3 }))
    .map(([first, rest]) => first + rest.join(''))
}

/** A quoted name or a literal with bait in it. */
function quoted(quote: string): fc.Arbitrary<string> {
  return bait.map((text) => quote + text.replaceAll('\\', '').replaceAll(quote, quote + quote) + quote)
}

function names(dialect: Dialect): fc.Arbitrary<string> {
  const quotes = { postgres: ['"'], mysql: ['`'], sqlite: ['"', '`'] }[dialect]
  return fc.oneof(fc.constantFrom('t', 'users', 'app.users', 'naïve', 'a$b'), ...quotes.map((quote) => quoted(quote)))
}

function values(dialect: Dialect): fc.Arbitrary<string> {
  const more = {
    postgres: [
      bait.map((text) => `$q$${text}$q$`),
      bait.map((text) => `E'\\'${text.replaceAll("'", "\\'")}'`),
      fc.constant('$1'),
    ],
    mysql: [quoted('"'), bait.map((text) => `'\\'${text.replaceAll("'", "\\'")}'`), fc.constantFrom('?', '@a', '@@x')],
    sqlite: [fc.constantFrom('?1', ':a', '$a'), bait.map((text) => `'\\${text.replaceAll("'", "''")}'`)],
  }[dialect]
  return fc.oneof(quoted("'"), fc.constantFrom('1', '1.5e3', 'null'), ...more)
}

/** What means something to one dialect or another, torn out of its place. */
const FRAGMENTS = [
  "'",
  '"',
  '`',
  '[',
  ']',
  '(',
  ')',
  ';',
  '--',
  '-- ',
  '#',
  '/*',
  '*/',
  '/*!',
  '/*!50000 ',
  '$',
  '$$',
  '$a$',
  '\\',
  'E',
  '@',
  '\0',
  '\ud800',
  '\udc00',
  '\ufeff',
  '\n',
  '.',
  ',',
  'select',
  'with',
  'as',
  'for',
  'update',
  'insert',
  'into',
  'explain',
  'analyze',
  'begin',
  'end',
  'case',
  'do',
  'execute',
  'prepare',
  'set',
  'statement',
  'create',
  'function',
  'atomic',
  'pragma',
  '=',
  'copy',
  'from',
  'lock',
  'in',
  'lo_open',
  'format',
  'immediate',
  'materialized',
  'search',
  'cycle',
  'then',
  'merge',
  'declare',
]

/** Shapes of statements: key words, NAME and VALUE. */
const shapes: [string, Access, readonly Dialect[]][] = [
  ['select * from NAME where NAME = VALUE order by NAME limit 1', 'read', dialects],
  ['select NAME , VALUE as NAME from NAME left join NAME on NAME = NAME', 'read', dialects],
  ['( select VALUE ) union all ( select NAME from NAME )', 'read', dialects],
  ['with NAME as ( select VALUE ) select * from NAME', 'read', dialects],
  ['select count ( * ) , max ( NAME ) from NAME where NAME in ( VALUE , VALUE )', 'read', dialects],
  ['insert into NAME values ( VALUE , VALUE )', 'write', dialects],
  ['update NAME set NAME = VALUE where NAME = VALUE', 'write', dialects],
  ['delete from NAME where NAME = VALUE', 'write', dialects],
  ['create table NAME as select VALUE', 'write', dialects],
  ['with NAME as ( select VALUE ) delete from NAME', 'write', dialects],
  ['select * from NAME where NAME = VALUE for update', 'write', ['postgres', 'mysql']],
  ['select * from ( select NAME from NAME for update ) NAME', 'write', ['postgres', 'mysql']],
  ['with NAME as ( select * from NAME for update ) select VALUE', 'write', ['postgres', 'mysql']],
  ['with NAME as ( insert into NAME values ( VALUE ) returning * ) select * from NAME', 'write', ['postgres']],
  ['select NAME into NAME from NAME', 'write', ['postgres']],
  ['select nextval ( VALUE ) from NAME', 'write', ['postgres', 'mysql']],
  ['explain delete from NAME where NAME = VALUE', 'write', ['mysql', 'sqlite']],
  ['explain delete from NAME where NAME = VALUE', 'read', ['postgres']],
  ['explain analyze delete from NAME where NAME = VALUE', 'write', ['postgres', 'mysql']],
  ['call NAME ( VALUE )', 'unknown', ['postgres', 'mysql']],
  ['begin', 'read', dialects],
]

/** A statement in some spelling, and its access. */
function statements(dialect: Dialect): fc.Arbitrary<{ sql: string; access: Access }> {
  const fitting = shapes.filter(([, , of]) => of.includes(dialect))
  return fc
    .constantFrom(...fitting)
    .chain(([shape, access]) =>
      fc
        .tuple(
          ...shape
            .split(' ')
            .map((part) =>
              fc.tuple(
                part === 'NAME'
                  ? names(dialect)
                  : part === 'VALUE'
                    ? values(dialect)
                    : fc.boolean().map((upper) => (upper ? part.toUpperCase() : part)),
                gaps(dialect),
              ),
            ),
        )
        .map((parts) => ({ sql: parts.flat().join(''), access })),
    )
}

const STRENGTH = { read: 0, unknown: 1, write: 2 }

function strongest(accesses: readonly Access[]): Access {
  return accesses.toSorted((a, b) => STRENGTH[b] - STRENGTH[a])[0]!
}

describe.each(dialects)('%s', (dialect) => {
  const classifier = createClassifier({ dialect, maxCachedLength: -1 })

  test('white space, comments, case, quotes and what is in literals do not change the verdict', () => {
    fc.assert(
      fc.property(gaps(dialect), statements(dialect), (gap, { sql, access }) => {
        expect([sql, classify(gap + sql, dialect).access]).toEqual([sql, access])
      }),
      { numRuns: 600 },
    )
  })

  test('several statements are as strong as the strongest', () => {
    fc.assert(
      fc.property(fc.array(statements(dialect), { minLength: 2, maxLength: 5 }), (list) => {
        const sql = list.map((one) => one.sql).join(';')
        const access = strongest(list.map((one) => one.access))
        expect([sql, classify(sql, dialect).access]).toEqual([sql, access])
        const analysis = classifier.classify(sql)
        expect([sql, analysis.access]).toEqual([sql, access])
        // What is in MySQL's CREATE PROCEDURE … BEGIN belongs to it; nothing of the kind is made here.
        expect(analysis.several).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  test('so are those of the table, in front of and behind one another', () => {
    const whole = tables[dialect].filter(({ sql }) => !sql.includes('/* never closed') && !sql.startsWith('\ufeff'))
    fc.assert(
      fc.property(fc.constantFrom(...whole), fc.constantFrom(...whole), (one, other) => {
        const sql = `${one.sql}\n;\n${other.sql}`
        // Nothing comes behind what may have a body: the rest of the text belongs to it.
        if (one.reason === 'compound') return
        expect([sql, classify(sql, dialect).access]).toEqual([sql, strongest([one.access, other.access])])
      }),
      { numRuns: 500 },
    )
  })

  test('parentheses around a query do not change the verdict', () => {
    fc.assert(
      fc.property(statements(dialect), fc.integer({ min: 1, max: 40 }), ({ sql, access }, depth) => {
        fc.pre(/^select/i.test(sql))
        expect(classify(`${'('.repeat(depth)}${sql}${')'.repeat(depth)}`, dialect).access).toBe(access)
      }),
    )
  })

  test('no text throws, and classify and the classifier agree on all', () => {
    const fragments = fc.constantFrom(...FRAGMENTS)
    const texts = fc.oneof(
      anything(200),
      fc.array(fc.oneof(fragments, anything(3)), { maxLength: 30 }).map((parts) => parts.join(' ')),
      fc.array(fragments, { maxLength: 30 }).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(texts, (text) => {
        const { access, reason } = classify(text, dialect)
        expect(classifier.classify(text)).toMatchObject({ access, reason })
      }),
      { numRuns: 1000 },
    )
  })
})

const endless: [string, (count: number) => string][] = [
  ...[
    "'",
    '"',
    '`',
    '[',
    '(',
    ')',
    ';',
    '-',
    '--',
    '/',
    '/*',
    '*/',
    '/*!',
    '/*!50000 ',
    '$',
    '$a',
    '$$',
    '\\',
    '@',
    '\0',
    '\ud800',
    'a',
    'é',
    ' ',
    '\n',
    '.',
    '1',
    "e'",
    "e''\n",
    '"a"(',
    '"a" ',
    'a.',
    '`a`.',
  ].map((unit): [string, (count: number) => string] => [JSON.stringify(unit), (count) => unit.repeat(count)]),
  ...[
    'explain ',
    'with a as (',
    'with ',
    'set statement a=1 for ',
    'begin not atomic ',
    'do $$',
    'prepare a as ',
    'select ',
    'for ',
    'for update',
    'nextval ',
    'nextval/**/',
    'a.nextval(',
    'execute immediate ',
    'insert ',
    'lo_open(1,',
    'with a as (select 1) ',
    'begin not atomic set statement a=1 for ',
    'then begin ',
    'do begin then if ',
    'explain analyze ',
    'declare c cursor for ',
    'copy (',
    'then ',
    'case ',
    'begin ',
    'create function begin atomic ',
    'select 1;',
    ';;',
  ].map((unit): [string, (count: number) => string] => [unit, (count) => unit.repeat(count)]),
  ['select + words', (count) => `select ${'a, '.repeat(count)}`],
  ['nested quotes', (count) => `do '${"''".repeat(count)}'`],
  ['opened at the end', (count) => `${'/*'.repeat(count)}*/`],
]

/** Four times the text takes four times as long, and not sixteen times; what takes no time proves itself. */
test.each(endless)('time is linear in the length of %s', (_, make) => {
  const unit = make(1).length
  const spent = (length: number): number => {
    const text = make(Math.ceil(length / unit))
    const before = process.cpuUsage()
    for (const dialect of dialects) {
      classify(text, dialect)
      createClassifier({ dialect }).classify(text)
    }
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  }
  const quarter = spent(50_000)
  expect(spent(200_000)).toBeLessThan(Math.max(300, 9 * quarter))
})
