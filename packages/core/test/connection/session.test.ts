import { describe, expect, test } from '@jest/globals'
import { createClassifier } from '../../src/classify/classifier.ts'
import type { Dialect } from '../../src/classify/types.ts'
import { Session } from '../../src/connection/session.ts'
import type { TransactionStatus } from '../../src/connection/wire.ts'

/** A session of statements that are their own texts, over a wire that says what a test has it say. */
class Subject {
  status: TransactionStatus | undefined
  isQuiet = true
  readonly session: Session<string>
  readonly #classify: ReturnType<typeof createClassifier>['classify']

  constructor(language: Dialect = 'postgres') {
    const classifier = createClassifier({ dialect: language })
    this.#classify = (text) => classifier.classify(text)
    const says = { status: () => this.status, isQuiet: () => this.isQuiet }
    const wire = {
      ask: () => Promise.reject(new Error('Not asked here')),
      get status() {
        return says.status()
      },
      get isQuiet() {
        return says.isQuiet()
      },
    }
    this.session = new Session(wire, language, (text) => text)
  }

  sends(...texts: string[]): this {
    for (const text of texts) this.session.sends(text, this.#classify(text))
    return this
  }

  /** Sends, and is answered. */
  runs(...texts: string[]): this {
    for (const text of texts) {
      this.sends(text)
      this.session.acknowledges(text, text, this.#classify(text))
    }
    return this
  }

  runsWith(text: string, values: unknown): this {
    this.sends(text)
    this.session.acknowledges(`${text} …`, text, this.#classify(text), values)
    return this
  }

  fails(text: string): this {
    this.session.fails(this.#classify(text))
    return this
  }

  get settings(): string[] {
    return this.session.image.settings.map(({ statement }) => statement)
  }

  get begin(): readonly string[] {
    return this.session.image.begin
  }
}

const on = (...texts: string[]): Subject => new Subject().runs(...texts)
const onMysql = (...texts: string[]): Subject => new Subject('mysql').runs(...texts)
const onChaining = (...texts: string[]): Subject => {
  const subject = new Subject('mysql')
  subject.session.chains = true
  return subject.runs(...texts)
}

describe('the server’s word on the transaction', () => {
  test('counts where nothing is under way; until then what was sent does', () => {
    const subject = new Subject()
    expect(subject.session.transaction).toBeUndefined()
    subject.isQuiet = false
    subject.status = 'idle'
    subject.sends('begin')
    expect(subject.session.transaction).toBeDefined()
    subject.isQuiet = true
    expect(subject.session.transaction).toBeUndefined()
    subject.status = 'open'
    expect(subject.session.transaction?.used).toBe(true)
    subject.isQuiet = false
    subject.sends('commit')
    expect(subject.session.transaction).toBeUndefined()
    subject.isQuiet = true
    expect(subject.session.transaction).toBeDefined()
  })

  test('says whether it has failed; where there is none, the errors do', () => {
    const subject = new Subject()
    expect(subject.session.isFailed).toBe(false)
    subject.status = 'failed'
    expect(subject.session.isFailed).toBe(true)
    subject.isQuiet = false
    expect(subject.session.isFailed).toBe(false)
    subject.isQuiet = true
    subject.status = 'open'
    expect(subject.session.isFailed).toBe(false)
    const told = on('begin', 'select 1')
    expect(told.session.isFailed).toBe(false)
    expect(told.fails('select 1').session.isFailed).toBe(true)
    expect(told.runs('rollback to a').session.isFailed).toBe(false)
  })

  test('a transaction whose beginning was not seen cannot begin elsewhere; but MySQL has such while autocommit is off', () => {
    const [seen, unseen, mysql] = [new Subject(), new Subject(), new Subject('mysql')]
    for (const one of [unseen, mysql]) one.status = 'open'
    expect([seen, unseen, mysql].map(({ session }) => session.canMove)).toEqual([true, false, true])
    expect(mysql.session.transaction).toMatchObject({ used: false, begin: [] })
  })

  test('an error aborts the transaction of PostgreSQL, and of no other database', () => {
    for (const language of ['postgres', 'mysql', 'sqlite'] as const) {
      const subject = new Subject(language).runs('begin').fails('select 1')
      expect([language, subject.session.isFailed]).toEqual([language, language === 'postgres'])
    }
    expect(new Subject().fails('select 1').session.isFailed).toBe(false)
  })
})

test('a server that chains does not where the text says so', () => {
  expect(onChaining('begin', 'rollback').session.transaction).toBeDefined()
  expect(onChaining('begin', 'rollback and no chain').session.transaction).toBeUndefined()
})

test('a BEGIN that fails in an aborted transaction does not end it', () => {
  const subject = on('begin read only').sends('rollback to a').fails('rollback to a').sends('begin').fails('begin')
  expect(subject.session.isFailed).toBe(true)
  expect(on().sends('begin').fails('begin').session.transaction).toBeUndefined()
})

describe('a text of several statements that fails', () => {
  test.each<[string, 'postgres' | 'mysql', boolean]>([
    ['use a; selec 1', 'mysql', true],
    ["set time_zone = '+01:00'; select missing", 'mysql', true],
    ['start transaction; select missing', 'mysql', true],
    ['rollback; select missing', 'mysql', true],
    ['select 1; select missing', 'mysql', false],
    ['use a', 'mysql', false],
    ["set work_mem = '1'; select missing", 'postgres', false],
    ["begin; set work_mem = '1'; select missing", 'postgres', false],
    ["set a.b = '1'; select missing", 'postgres', true],
    ["set a.b = '1'; commit; select missing", 'postgres', true],
  ])('%s (%s): may it have left something? %s', (text, language, expected) => {
    const { session } = new Subject(language)
    const { changes } = session
    session.failsHalfway(createClassifier({ dialect: language }).classify(text))
    expect([session.residue !== undefined, session.changes > changes]).toEqual([expected, expected])
  })
})

describe('a transaction', () => {
  test.each<[string, () => Subject, readonly string[], boolean]>([
    ['has only begun', () => on('begin'), ['begin'], false],
    ['was begun together with something', () => on('begin; select 1'), [], true],
    ['has read', () => on('begin', 'select 1'), ['begin'], true],
    ['has a mode', () => on('begin', 'set transaction read only'), ['begin', 'set transaction read only'], false],
    ['has a mode that came too late', () => on('begin', 'select 1', 'set transaction read only'), ['begin'], true],
    ['has a setting', () => on('begin', "set a.b = '1'"), ['begin', "set a.b = '1'"], false],
    ['is begun twice', () => on('begin', 'begin'), ['begin'], false],
    ['is begun twice, with a mode', () => on('begin', 'begin read only'), ['begin', 'begin read only'], false],
    ['goes on after COMMIT AND CHAIN', () => on('begin', 'select 1', 'commit and chain'), ['begin'], false],
    ['goes on after ROLLBACK AND CHAIN', () => on('begin read only', 'rollback and chain'), ['begin read only'], false],
    ['has forgotten its modes by an error', () => on('begin read only').fails('select 1').runs('rollback and chain'), ['begin'], false],
    ['goes on where its server chains', () => onChaining('begin', 'select 1', 'commit'), ['begin'], false],
    ['goes on after one that was not seen', () => on('commit and chain'), ['begin'], false],
    ['has gone back to a savepoint', () => on('begin', 'rollback to a'), ['begin'], true],
    ['of MySQL, begun twice', () => onMysql('begin', 'select 1', 'start transaction'), ['start transaction'], false],
    ['of MySQL, begun in one that has modes', () => onMysql('start transaction read only', 'begin'), ['begin'], true],
    ['of MySQL, begun in one that had a mode before it', () => onMysql('set transaction read only', 'begin', 'begin'), ['begin'], true],
    ['of MySQL, with a mode for the next one', () => onMysql('set transaction read only', 'begin'), ['set transaction read only', 'begin'], false],
    ['of MySQL, with a mode of the session', () => onMysql('set session transaction read only', 'begin'), ['begin'], false],
  ])('that %s', (_, run, expected, used) => {
    const { session, begin } = run()
    expect([session.transaction?.used, begin, session.canMove]).toEqual([used, expected, !used])
  }) // biome-ignore format: a table

  test('SET TRANSACTION of MySQL that may be used up keeps the session where it is', () => {
    expect(onMysql('set transaction read only', "set names 'utf8mb4'", 'begin').session.canMove).toBe(true)
    expect(onMysql('set transaction read only', 'select a from b').session.residue).toBe('set-transaction')
    expect(onMysql('set transaction read only', 'rollback').begin).toEqual([])
    expect(onMysql('set transaction read only', 'rollback').session.canMove).toBe(true)
  })

  test('SET TRANSACTION of MySQL is for one transaction', () => {
    const subject = onMysql('set transaction read only')
    expect(subject.begin).toEqual(['set transaction read only'])
    expect(subject.runs('begin', 'commit', 'begin').begin).toEqual(['begin'])
    const given = onMysql('set transaction read only')
    given.session.leavesTransaction()
    expect(given.begin).toEqual([])
    expect(onMysql('set transaction read only; select 1').begin).toEqual([])
  })

  test.each<[string, () => Subject, boolean | undefined]>([
    ['begin', () => on('begin'), false],
    ['begin read only', () => on('begin read only'), true],
    ['begin, and once more with a mode', () => on('begin', 'start transaction read only'), true],
    ['and another mode', () => on('begin read only', 'set transaction read write'), false],
    ['and no mode', () => on('begin read only', 'set transaction isolation level serializable'), true],
    ['by the session', () => on('set default_transaction_read_only = on', 'begin'), true],
    ['against the session', () => on('set default_transaction_read_only = on', 'begin read write'), false],
    ['and chained', () => on('begin read only', 'commit and chain'), true],
    ['and chained behind an error', () => on('begin read only').fails('select 1').runs('commit and chain'), false],
    [
      'and chained behind an error, by the session',
      () => on('set default_transaction_read_only = on', 'begin read write').fails('select 1').runs('commit and chain'),
      true,
    ],
    ['no transaction', () => on('begin read only', 'commit'), undefined],
  ])('is read-only or not: %s', (_, run, expected) => {
    const { session } = run()
    expect(session.transaction?.readOnly).toBe(expected)
  })

  test.each<[string, () => Subject, boolean]>([
    ['by itself', () => on('begin isolation level repeatable read'), true],
    ['chained', () => on('begin isolation level repeatable read', 'commit and chain'), true],
    ['chained behind an error', () => on('begin isolation level repeatable read').fails('select 1').runs('rollback and chain'), false],
    ['chained, and no snapshot before', () => on('begin', 'commit and chain'), false],
    ['of MySQL, chained', () => onMysql('begin', 'commit and chain'), true],
  ])('sees one moment or not: %s', (_, run, expected) => {
    expect(run().session.transaction?.isSnapshot).toBe(expected)
  }) // biome-ignore format: a table

  test.each<[string, boolean]>([
    ['set default_transaction_read_only = on', true],
    ['set default_transaction_read_only to off', false],
    ['set default_transaction_read_only = off', false],
    ["set default_transaction_read_only = 'off'", false],
    ['set default_transaction_read_only = false', false],
    ['set default_transaction_read_only = 0', false],
    ['set session characteristics as transaction read only', true],
    ['set session characteristics as transaction read write', false],
    ["set application_name = 'read'", false],
    ['set session characteristics as transaction read   only', true],
    ['set session characteristics as transaction read   write', false],
    ['set default_transaction_read_only  to   off', false],
    ['set default_transaction_read_only to on', true],
    ["set session default_transaction_read_only = 'true'", true],
    ["select set_config('default_transaction_read_only', 'on', false)", true],
    ["select set_config('default_transaction_read_only', 'off', false)", false],
    ['reset default_transaction_read_only', false],
    ['set default_transaction_read_only to default', false],
    ['set transaction_read_only = on', false],
  ])('sessions are read-only by a setting: %s', (text, expected) => {
    expect(on(text).session.isReadOnly).toBe(expected)
    expect(on('set default_transaction_read_only = on', text, 'discard all').session.isReadOnly).toBe(false)
  })

  test.each<[string, Subject, boolean]>([
    ['by what it has set for those behind it', on('begin', 'set default_transaction_read_only = on'), false],
    ['behind that', on('begin', 'set default_transaction_read_only = on', 'commit'), true],
    ['behind that, undone', on('begin', 'set default_transaction_read_only = on', 'rollback'), false],
    ['by its own variable', on('begin', 'set transaction_read_only = on'), true],
    ['behind one with that variable', on('begin', 'set transaction_read_only = on', 'commit'), false],
    ['against the session', on('set default_transaction_read_only = on', 'begin read write'), false],
    ['on MySQL, by the one that it was begun in, or not', onMysql('start transaction read only', 'begin'), false],
    [
      'on MySQL, against the one that it was begun in',
      onMysql('start transaction read only', 'start transaction read write'),
      false,
    ],
    ['on MySQL, by what it has set for those behind it', onMysql('begin', 'set session transaction read only'), false],
    ['on MySQL, behind that', onMysql('begin', 'set session transaction read only', 'commit'), true],
    ['on MySQL, without a transaction', onMysql('set session transaction_read_only = 1'), true],
  ])('what runs is read-only by the word of the app: %s', (_, { session }, expected) => {
    expect(session.isReadOnly).toBe(expected)
  })

  test('that is given up is over, with all that was for it', () => {
    const subject = on('begin', "set work_mem = '1'")
    subject.session.leavesTransaction()
    expect([subject.session.transaction, subject.begin, subject.settings]).toEqual([undefined, [], []])
  })

  test.each<[string, string, boolean]>([
    ['begin', 'begin', false],
    ['commit and chain', 'commit and chain', false],
    ['rollback and chain', 'rollback and chain', false],
    ['begin; select 1', 'begin; select 1', true],
    ['begin', 'select 1', true],
    ['begin', 'savepoint a', true],
  ])('%s, and %s fails: is one open?', (sent, failed, isOpen) => {
    const subject = new Subject().sends(sent).fails(failed)
    expect(subject.session.transaction !== undefined).toBe(isOpen)
  })

  test('that mentions synchronous_commit is known to, and no other', () => {
    expect(on('begin', 'set local synchronous_commit = off').session.transaction?.asynchronous).toBe(true)
    expect(on('begin', "set local a.b = '1'").session.transaction?.asynchronous).toBe(false)
    expect(on('set synchronous_commit = off', 'begin').session.transaction?.asynchronous).toBe(false)
  })
})

describe('settings', () => {
  test('hold once they are acknowledged; the last one of a kind counts', () => {
    const subject = new Subject().sends("set a.b = '1'")
    // What is under way changes it as well: its connection may be given back before the answer.
    expect([subject.settings, subject.session.changes]).toEqual([[], 1])
    subject.runs("set a.b = '1'", "set a.c = '2'", "set a.b = '1'")
    expect([subject.settings, subject.session.changes]).toEqual([["set a.c = '2'", "set a.b = '1'"], 4])
    expect(subject.runs('select 1').session.changes).toBe(4)
  })

  test('in a transaction change the session once it is committed, acknowledged or not', () => {
    for (const set of [
      (text: string) => new Subject().runs('begin', text),
      (text: string) => on('begin').sends(text),
    ]) {
      const subject = set("set a.b = '1'")
      expect(subject.session.changes).toBe(0)
      expect(subject.runs('rollback').session.changes).toBe(0)
      expect(set("set a.b = '1'").runs('commit').session.changes).toBe(1)
    }
    expect(on('begin', 'set transaction read only', 'commit').session.changes).toBe(0)
    expect(onMysql('begin', "set names 'utf8mb4'").session.changes).toBe(1)
  })

  test('of a transaction that is ended ahead of its answers hold, or do not: the session stays', () => {
    const ahead = (text: string): string | undefined => {
      const subject = on('begin', text)
      subject.isQuiet = false
      return subject.sends('commit').session.residue
    }
    expect([ahead("set a.b = '1'"), ahead("set local a.b = '1'"), ahead('select 1')]).toEqual([
      'session',
      undefined,
      undefined,
    ])
    expect(on('begin', "set a.b = '1'", 'commit').session.residue).toBeUndefined()
  })

  test.each<[string, Dialect, (tenant: number) => string]>([
    ['by schema', 'postgres', (tenant) => `set search_path to tenant_${tenant}, public`],
    ['by set_config', 'postgres', (tenant) => `select set_config('search_path', 'tenant_${tenant}', false)`],
    ['by role', 'postgres', (tenant) => `set role tenant_${tenant}`],
    ['by a setting of their own', 'postgres', (tenant) => `set app.tenant = '${tenant}'`],
    ['by database', 'mysql', (tenant) => `use tenant_${tenant}`],
    ['by variable', 'mysql', (tenant) => `set @tenant = ${tenant}`],
    ['by two variables', 'mysql', (tenant) => `set @tenant = ${tenant}, @@session.time_zone = '+0${tenant % 10}:00'`],
  ])('of 1,500 tenants, one after the other, are those of the last: %s', (_, language, text) => {
    const subject = new Subject(language)
    for (let tenant = 0; tenant < 1_500; tenant++) subject.runs(text(tenant))
    expect([subject.settings, subject.session.residue]).toEqual([[text(1_499)], undefined])
  })

  test('that have others beside them are not replaced by the one', () => {
    const texts = ['set names latin1, @a = 1', 'set names utf8mb4']
    expect(onMysql(...texts).settings).toEqual(texts)
  })

  test('that are but a part are all of them, in their order', () => {
    const texts = ["set datestyle = 'ISO'", "set datestyle = 'DMY'"]
    expect(on(...texts).settings).toEqual(texts)
    const roles = ['set role a', 'set session authorization b', 'set role c']
    expect(on(...roles).settings).toEqual(roles.slice(1))
  })

  test('for tenants in transactions leave nothing', () => {
    const subject = new Subject()
    for (let tenant = 0; tenant < 1_500; tenant++)
      subject.runs('begin', `set local search_path = tenant_${tenant}`, 'commit')
    expect([subject.settings, subject.session.residue]).toEqual([[], undefined])
  })

  test('with other values are others', () => {
    const text = 'select set_config($1, $2, false)'
    const set = (name: string) =>
      new Subject().runsWith(text, [name, 1n]).runsWith(text, [name, 2n]).runsWith(text, [name, 1n])
    expect(set('datestyle').settings).toHaveLength(2)
    expect(set('a').settings).toHaveLength(1)
    expect(new Subject().runsWith(text, undefined).runsWith(text, []).settings).toHaveLength(2)
    expect(new Subject().runsWith(text, ['a']).runsWith(text, ['b']).settings).toHaveLength(2)
    const date = new Date(0)
    for (const alike of [date.toISOString(), { toJSON: () => date }])
      expect(new Subject().runsWith(text, [date]).runsWith(text, [alike]).settings).toHaveLength(2)
  })

  test('of a transaction hold with its COMMIT, and are undone without it', () => {
    const text = "set work_mem = '1'"
    expect(on('begin', text).session.image).toMatchObject({ settings: [], begin: ['begin', text] })
    expect(on('begin', text, 'commit').settings).toEqual([text])
    expect(on('begin', text, 'rollback').settings).toEqual([])
    expect(on('begin', text).fails('select 1').runs('commit').settings).toEqual([])
    expect(onMysql('begin', "set names 'utf8mb4'", 'rollback').settings).toEqual(["set names 'utf8mb4'"])
  })

  test('after a savepoint to which it went back are not known', () => {
    expect(on('begin', "set a.b = '1'", 'rollback to a').session.residue).toBe('rollback-to')
    expect(on('begin', 'rollback to a').session.residue).toBeUndefined()
    expect(on('rollback to a').session.residue).toBeUndefined()
  })

  test('that nothing ends are too many at some point', () => {
    const subject = new Subject()
    for (let n = 0; n < 1_000; n++) subject.runs(`set a.b${n} = '1'`)
    expect(subject.session.canMove).toBe(true)
    expect(subject.runs("set a.c = '1'").session.residue).toBe('settings')
  })

  test('among what ends a transaction are not known', () => {
    const both = "set work_mem = '1'; set transaction read only"
    const subject = new Subject()
    subject.session.acknowledges(both, both, analysisOf(both))
    expect([subject.session.residue, subject.settings]).toEqual(['set', []])
    const plain = "set a.b = '1'; set a.c = '1'"
    expect(on(plain).settings).toEqual([plain])
  })

  test.each([
    ["set a.b = '1'", false],
    ["set local a.b = '1'", true],
    ["  SET  LOCAL a.b = '1'", true],
    ["select set_config('a.b', '1', true)", true],
    ["select set_config('a.b', '1', 't')", true],
    ["select set_config ('a.b', '1',true )", true],
    ["select set_config('a.b', '1', 'on')", true],
    ["select set_config('a.b', '1', false)", false],
    ["select set_config('a.b', 'true', false)", false],
  ])('%s ends with its transaction: %s', (text, isLocal) => {
    const subject = on('begin', text)
    expect(subject.session.transaction?.settings).toMatchObject([
      { key: text, statement: text, isLocal, names: ['a.b'], isNamed: true },
    ])
    // Of one that has ended, the session knows the name.
    const known = "select set_config('a.b', '', true)"
    expect(subject.runs('commit').settings).toEqual([isLocal ? known : text])
  })

  test('of one name of the app: the last one counts, whatever its value, and of local ones none', () => {
    const subject = new Subject()
    for (let tenant = 0; tenant < 1_100; tenant++) {
      subject.runs('begin', `set local app.tenant = '${tenant}'`, 'commit', 'begin')
      subject.runsWith("select set_config('app.tenant', $1, true)", [`${tenant}`]).runs('commit')
    }
    expect(subject.settings).toEqual(["select set_config('app.tenant', '', true)"])
    subject.runs('set role clerk')
    for (let tenant = 0; tenant < 1_100; tenant++) {
      subject
        .runs(`set app.tenant to 't-${tenant}'`)
        .runsWith('select set_config($1, $2, false)', ['app.tenant', tenant])
    }
    expect(subject.settings).toEqual(['set role clerk', 'select set_config($1, $2, false) …'])
    expect(subject.session.canMove).toBe(true)
  })

  test.each([
    ["set app.a = '1'; set work_mem = '1'", "set app.a = '2'"],
    ["set app.a = '1'; set app.b = '1'", "set app.a = '2'"],
    ["select set_config('app.a', '1', false), set_config('role', 'clerk', false)", "set app.a = '2'"],
    ["set app.a = '1'", "set local app.b = '1'; set work_mem = '2'"],
    ["set app.a = '1'", "select set_config('app.b', ', true)', false)"],
  ])('what sets something else as well is kept beside others of its name: %s, %s', (first, second) => {
    expect(on(first, second).settings).toEqual([first, second])
  })

  test('that another session has which this one has gone on in', () => {
    const [here, there] = [on("set a.b = '1'"), on("set a.b = '1'")]
    expect(here.session.misses(there.session)).toEqual([])
    there.runs("set work_mem = '1'", 'begin', "set local c.d = '1'", 'commit')
    const news = here.session.misses(there.session) ?? []
    expect(news.map(({ key }) => key)).toEqual(["select set_config('c.d', '', true)", "set work_mem = '1'"])
    for (const setting of news) here.session.learns(setting)
    expect(here.session.misses(there.session)).toEqual([])
    expect(here.settings).toEqual(["select set_config('c.d', '', true)", "set a.b = '1'", "set work_mem = '1'"])
    // In another order all of them are made anew, and what is gone there cannot be taken back here.
    there.runs("set a.b = '1'")
    expect(here.session.misses(there.session)).toHaveLength(2)
    there.runs('discard all')
    expect(here.session.misses(there.session)).toBeUndefined()
  })

  test.each([
    ['a literal', "set a.c = 'a.b'"],
    ['a comment', "/* set a.b = '1' */ set a.c = '1'"],
  ])('a name in %s is none that was set', (_, other) => {
    const subject = new Subject().runs('begin', "set a.b = '1'", 'rollback', other)
    expect(subject.settings).toEqual(["select set_config('a.b', '', true)", other])
  })

  test.each([
    ["set application_name = 'read only'"],
    ["set application_name = 'default_transaction_read_only = on'"],
    ["/* session characteristics: read only */ set work_mem = '1'"],
    ['set search_path = "read only"'],
  ])('%s has no transaction read-only', (text) => {
    expect(new Subject().runs(text).session.isReadOnly).toBe(false)
  })

  test('DISCARD ALL undoes what was set, whatever is written around it; no literal does', () => {
    expect(new Subject().runs("set a.c = '1'", '/* all */ discard /* all */ all -- all').settings).toEqual([
      "select set_config('a.c', '', true)",
    ])
    const literal = "set a.c = 'discard all'"
    expect(new Subject().runs(literal).settings).toEqual([literal])
  })

  test('which of them another session lacks, in their order', () => {
    const [all, some, other] = [
      on("set a.b = '1'", "set a.c = '1'"),
      on("set a.b = '1'"),
      on("set a.c = '1'", "set a.b = '1'"),
    ]
    const { settings } = all.session.image
    expect(new Subject().session.lacks(settings)).toEqual(settings)
    expect(some.session.lacks(settings)).toEqual(settings.slice(1))
    expect(all.session.lacks(settings)).toEqual([])
    // What comes last counts: made again in another order, it would be another session.
    expect(other.session.lacks(settings)).toEqual(settings)
    expect(all.session.lacks(some.session.image.settings)).toEqual(some.session.image.settings)
  })

  test('of the session, by something that is no text', () => {
    const subject = new Subject('mysql')
    subject.session.becomes('change user')
    subject.session.becomes('change user again')
    expect([subject.settings, subject.session.changes]).toEqual([['change user again'], 2])
    expect(subject.session.image.settings[0]).toMatchObject({ key: '', isLocal: false })
  })
})

describe('what may have been left', () => {
  test('keeps the session where it is, until it is given back; the first reason counts', () => {
    const subject = on('do $$ begin end $$', 'select pg_advisory_lock(1)')
    expect([subject.session.residue, subject.session.canMove]).toEqual(['do', false])
    subject.session.givenBack()
    expect([subject.session.residue, subject.session.canMove]).toEqual([undefined, true])
    expect(onMysql("select get_lock('a', 1)").session.residue).toBe('advisory-lock')
  })

  test('a statement that has not run after all has left nothing, nor has it used its transaction', () => {
    const subject = on('begin')
    const { mark } = subject.session
    expect(mark).toEqual({ used: false, residue: undefined })
    subject.sends('do $$ begin end $$')
    expect(subject.session.mark).toEqual({ used: true, residue: 'do' })
    subject.session.returnTo(mark)
    expect(subject.session.mark).toEqual(mark)
    const plain = new Subject()
    plain.session.returnTo({ used: true, residue: 'do' })
    expect(plain.session.mark).toEqual({ used: false, residue: 'do' })
  })
})

describe('a reset', () => {
  test('by its text leaves nothing', () => {
    for (const text of ['discard all', '  DISCARD   ALL']) {
      const subject = on("set timezone = 'UTC'", 'do $$ begin end $$', text)
      expect([subject.settings, subject.session.residue, subject.session.changes]).toEqual([[], undefined, 3])
    }
    expect(on("set a.b = '1'", 'discard plans').settings).not.toEqual([])
  })

  test.each<[string, () => Subject]>([
    [
      'DISCARD ALL',
      () => on("set a.b = '1'", 'set local a.B to 2', "select set_config('c.d', '1', false)", 'discard all'),
    ],
    ['ROLLBACK', () => on('begin', "set a.b = '1'", "select set_config('c.d', 'x', true)", 'rollback')],
    [
      'DISCARD ALL, where it was bound',
      () => on("set a.b = '1'").runsWith('select set_config($2, $1, false)', ['1', 'c.d']).runs('discard all'),
    ],
  ])('leaves the names of the app’s own settings known: %s', (_, subject) => {
    expect(subject().settings).toEqual(["select set_config('a.b', '', true), set_config('c.d', '', true)"])
  })

  test('of MySQL’s protocol keeps the database that it uses', () => {
    const subject = onMysql("set names 'utf8mb4'", 'use app', 'set transaction read only', 'begin')
    subject.session.becomes('change user')
    subject.session.forget(true)
    expect(subject.session.image).toMatchObject({
      begin: [],
      settings: [{ statement: 'use app' }, { statement: 'change user' }],
    })
    expect(subject.session.transaction).toBeUndefined()
    subject.session.forget()
    expect(subject.settings).toEqual([])
  })

  test('leaves it to the server to say that its transaction is over', () => {
    const subject = on('begin', 'select 1')
    subject.status = 'open'
    subject.session.forget()
    expect(subject.session.transaction?.used).toBe(true)
    subject.status = 'idle'
    expect(subject.session.transaction).toBeUndefined()
  })
})

function analysisOf(text: string) {
  return createClassifier({ dialect: 'postgres' }).classify(text)
}
