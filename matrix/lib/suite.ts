import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { findPrimaryRequired, runOnPrimary } from '@flyroute/core'
import {
  allOperations,
  failures,
  type Group,
  leavesNothing,
  type Operation,
  type OperationName,
  operations,
} from './operations.ts'
import type { Opened, OrmSuite, Run } from './orm.ts'
import { comparable, type Outcome, outcomeOf, shapesOf, toJson } from './outcome.ts'
import { openRelay, type Relay } from './relay.ts'
import { bareSource, flyrouteSource, type MadeSource } from './source.ts'
import { appCommand, eventually, Stage } from './stage.ts'

/** What the bare driver made of an operation: what is expected of all others. */
interface Reference {
  readonly outcome: Outcome
  readonly contents: unknown
}

/** An ORM on the connections of one subject. */
interface Connected<Db> {
  readonly opened: Opened<Db>
  readonly source: MadeSource
  readonly operations: Partial<Record<OperationName, Run>>
  /** Connections that the ORM itself has forgotten to give back, as it does with the bare driver. */
  forgotten: number
}

/**
 * Runs an ORM through everything it is asked to do: with the bare driver; on the primary; on a replica, where its reads are
 * answered locally and each of its writes is refused; there again, with all of it run on the primary; and behind a middleware,
 * in two regions with Fly's proxy in front.
 *
 * @param folder of the suite, whose `orm.ts` exports it as `suite`
 */
export function describeOrm<Db, Lacking extends OperationName>(suite: OrmSuite<Db, Lacking>, folder: string): void {
  let stage: Stage
  let relay: Relay
  const references = new Map<OperationName, Reference>()

  before(async () => {
    stage = await Stage.open(appCommand(folder), folder)
    relay = await openRelay(stage.primaryUrl)
  })
  after(async () => {
    await relay?.[Symbol.asyncDispose]()
    await stage?.[Symbol.asyncDispose]()
  })

  const environment = (region: string) => ({
    FLY_REGION: region,
    PRIMARY_REGION: 'ord',
    DATABASE_URL: relay.url,
    DATABASE_URL_AMS: stage.replicaUrl,
  })

  describe('bare driver on the primary', () => {
    withConnections(
      () => bareSource(stage.primaryUrl),
      async (operation, run) => {
        const before = await stage.contents()
        const outcome = await outcomeOf(run)
        const contents = await stage.contents()
        references.set(operation.name, { outcome, contents })
        const sqlstate = failures.get(operation.name)
        if (sqlstate === undefined) assert.ok('answer' in outcome, outcome.error as Error)
        else
          assert.ok(
            'errors' in outcome && outcome.errors.some(({ code }) => code === sqlstate),
            'it should have failed',
          )
        const changes = operation.access === 'write' && !leavesNothing.has(operation.name)
        if (changes) assert.notDeepEqual(contents, before, 'it has written nothing')
        else assert.deepEqual(contents, before, 'it has written something')
      },
    )
  })

  describe('flyroute on the primary', () => {
    withConnections(
      () => flyrouteSource(environment('ord')),
      (operation, run) => sameAsBare(operation, run),
    )
  })

  describe('flyroute on a replica', () => {
    withConnections(
      () => flyrouteSource(environment('ams')),
      async (operation, run) => {
        const connections = relay.connections
        if (operation.access === 'read') await sameAsBare(operation, run)
        else {
          const before = await stage.contents()
          const outcome = await outcomeOf(run)
          assert.ok('errors' in outcome, 'it was not refused')
          const found = findPrimaryRequired(outcome.error)
          assert.ok(found, `not a refusal: ${JSON.stringify(outcome.errors)}`)
          assert.equal(found.target.region, 'ord')
          assert.deepEqual(await stage.contents(), before, 'it has written something')
        }
        assert.equal(relay.connections, connections, 'the primary was asked')
      },
    )
  })

  describe('flyroute on a replica, in runOnPrimary', () => {
    withConnections(
      () => flyrouteSource(environment('ams')),
      async (operation, run) => {
        await sameAsBare(operation, () => runOnPrimary(run))
      },
    )
  })

  describe('flyroute behind a middleware, in two regions', () => {
    eachOperation((operation) => {
      test(operation.name, async () => {
        const reference = referenceOf(operation)
        await prepare(operation)
        const read = operation.access === 'read'
        for (const method of read ? ['GET'] : ['POST', 'GET']) {
          if (method === 'GET' && !read) await prepare(operation)
          stage.lab.journal.clear()
          const response = await stage.lab.fetch('ams', `/${encodeURIComponent(operation.name)}`, { method })
          const body = await response.text()
          const [entry] = stage.lab.journal.entries
          const why = `${method}: ${body}`
          assert.deepEqual(
            entry?.hops.map(({ region }) => region),
            read ? ['ams'] : ['ams', 'ord'],
            why,
          )
          assert.deepEqual(JSON.parse(body), JSON.parse(toJson(reference.outcome)), method)
          assert.deepEqual(await stage.contents(), reference.contents, method)
          await stage.noTransactions()
        }
      })
    })

    test('its own writes are read locally', async () => {
      await stage.reset()
      const written = await stage.lab.fetch('ams', '/insert', { method: 'POST' })
      const token = written.headers.get('flyroute-token') ?? ''
      assert.notEqual(token, '')
      const read = await stage.lab.fetch('ams', '/count', { headers: { 'flyroute-token': token } })
      const { answer: before } = referenceOf({ group: 'reads', name: 'count', access: 'read' }).outcome as {
        answer: unknown
      }
      assert.notDeepEqual(await read.json(), { answer: before })
    })

    test('with the replica gone, reads are replayed until it is back', async () => {
      await stage.reset()
      const replica = stage.lab.databases.node('ams')
      const ask = async (): Promise<[status: number, body: string, regions: (string | undefined)[]]> => {
        stage.lab.journal.clear()
        const response = await stage.lab.fetch('ams', '/find')
        const body = await response.text()
        return [response.status, body, stage.lab.journal.entries[0]?.hops.map(({ region }) => region) ?? []]
      }
      const expected = toJson(referenceOf({ group: 'reads', name: 'find', access: 'read' }).outcome)
      await replica.kill()
      for (let n = 0; n < 5; n++) assert.deepEqual(await ask(), [200, expected, ['ams', 'ord']])
      await replica.start()
      let last: unknown
      const isBack = async () => {
        const [status, body, regions] = await ask()
        last = [status, body, regions]
        return status === 200 && body === expected && regions.length === 1
      }
      assert.ok(await eventually(isBack, 30_000), JSON.stringify(last))
      await stage.reconnect()
    })

    test('with the ocean cut, all reads go on', async () => {
      await stage.reset()
      stage.lab.cut('ord', 'ams')
      try {
        for (const operation of allOperations.filter(({ access }) => access === 'read')) {
          if (isLacking(operation.name)) continue
          const response = await stage.lab.fetch('ams', `/${encodeURIComponent(operation.name)}`)
          assert.deepEqual(await response.json(), JSON.parse(toJson(referenceOf(operation).outcome)), operation.name)
        }
      } finally {
        stage.lab.heal('ord', 'ams')
      }
    })
  })

  describe('recipes', () => {
    const migrate = (region: string) => runScript(join(folder, 'migrate.ts'), environment(region))
    const changes = !('migrate up and down' in suite.lacks) && suite.migratesBySelf !== true

    test('migrations, in the primary’s region', async () => {
      await stage.reset()
      stage.untidy()
      const before = await stage.contents()
      const { code, output } = await migrate('ord')
      assert.equal(code, 0, output)
      if (changes) assert.notDeepEqual(await stage.contents(), before, 'it has done nothing')
    })

    test('migrations, anywhere else', async () => {
      await stage.reset()
      stage.untidy()
      const before = await stage.contents()
      const { code, output } = await migrate('ams')
      assert.notEqual(code, 0)
      assert.match(output, /ERR_PRIMARY_REQUIRED/)
      assert.deepEqual(await stage.contents(), before)
    })
  })

  /** A test for each operation, on connections that are opened for all of them. */
  function withConnections(connect: () => MadeSource, check: (operation: Operation, run: Run) => Promise<void>): void {
    let connected: Connected<Db>
    before(async () => {
      const source = connect()
      const opened = await suite.open(source)
      connected = { source, opened, operations: suite.operations(opened.db), forgotten: 0 }
    })
    after(async () => {
      await connected?.opened.close()
      await connected?.source.end()
    })
    eachOperation((operation) => {
      test(operation.name, async () => {
        await prepare(operation)
        await check(operation, connected.operations[operation.name] as Run)
        await isClean(connected, operation)
      })
    })
  }

  function eachOperation(declare: (operation: Operation) => void): void {
    for (const group of Object.keys(operations) as Group[]) {
      describe(group, () => {
        for (const operation of allOperations.filter((one) => one.group === group)) {
          if (!isLacking(operation.name)) declare(operation)
        }
      })
    }
  }

  /** Nothing is asked of the ORM here: what it lacks is known without a connection. */
  function isLacking(name: OperationName): boolean {
    return name in suite.lacks
  }

  async function prepare({ group }: Operation): Promise<void> {
    await stage.reset()
    if (group === 'schema') stage.untidy()
  }

  async function sameAsBare(operation: Operation, run: Run): Promise<void> {
    const reference = referenceOf(operation)
    const outcome = await outcomeOf(run)
    assert.deepStrictEqual(comparable(outcome), comparable(reference.outcome))
    assert.deepEqual(await stage.contents(), reference.contents)
  }

  function referenceOf({ name }: Operation): Reference {
    const reference = references.get(name)
    assert.ok(reference, 'the bare driver has no answer to compare with')
    return reference
  }

  /** No connection is out, no transaction open, and the next statement works. */
  async function isClean(connected: Connected<Db>, { name }: Operation): Promise<void> {
    const { opened, operations: all } = connected
    const isBack = () => opened.inUse() === connected.forgotten
    if (!(await eventually(isBack, 2_000))) {
      const forgets = await forgottenByBare(name)
      assert.equal(opened.inUse(), connected.forgotten + forgets, 'connections that were not given back')
      connected.forgotten += forgets
    }
    await stage.noTransactions()
    const next = await outcomeOf(all.find as Run)
    if (!('answer' in next)) assert.fail(`the next statement fails: ${JSON.stringify(shapesOf(next.error))}`)
  }

  /** How many connections the ORM forgets to give back when the same replica refuses the operation to the bare driver. */
  async function forgottenByBare(name: OperationName): Promise<number> {
    const source = bareSource(stage.replicaUrl)
    const { db, inUse, close } = await suite.open(source)
    await outcomeOf((suite.operations(db) as Connected<Db>['operations'])[name] as Run)
    await eventually(() => inUse() === 0, 2_000)
    const forgotten = inUse()
    // Not waited for: a pool does not end before it has got everything back.
    void Promise.resolve(close()).then(() => source.end())
    return forgotten
  }
}

/** Runs a file with a Node of its own. */
function runScript(file: string, env: Record<string, string>): Promise<{ code: number; output: string }> {
  const options = { cwd: dirname(file), env: { ...process.env, ...env }, timeout: 60_000 }
  return new Promise((resolve) => {
    execFile(process.execPath, [file], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : 1, output: `${stdout}${stderr}` })
    })
  })
}
