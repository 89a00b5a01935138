import { expect, test } from '@jest/globals'
import { Tally } from '../../src/advice/tally.ts'
import { Traffic } from '../../src/advice/traffic.ts'
import { StatementCount } from '../../src/connection/count.ts'
import { onPrimary, type Scope } from '../../src/request/scope.ts'
import { Guarded, requestScope } from '../support/guarded.ts'

/** A request that is counted, and a connection that it uses. */
async function counted(wire: { isQueued?: boolean } = {}) {
  const { guard } = await Guarded.ready({ role: 'primary' })
  const traffic = new Traffic()
  const count = new StatementCount(guard.database.catalogue, { ...guard.wire, ...wire })
  const scopeOf = (): Scope => {
    const scope = requestScope()
    scope.request.tally = new Tally(traffic, 'GET', '/', false)
    return scope
  }
  const asks = (text: string, scope: Scope): void => count.asks(guard.database.classifier.classify(text), text, scope)
  const report = (...scopes: Scope[]) => {
    for (const { request } of scopes) request.tally?.answers()
    return traffic.toJSON().routes[0]
  }
  return { count, scopeOf, asks, report }
}

test('a statement is a read, a write, or what begins and ends transactions', async () => {
  const { asks, count, scopeOf, report } = await counted()
  const scope = scopeOf()
  for (const text of ['begin', 'select 1', 'update item set x = 1', 'commit']) {
    asks(text, scope)
    count.answered()
  }
  expect(report(scope)).toMatchObject({
    statements: 4,
    reads: 1,
    writes: 1,
    crossings: 4,
    causes: { 'update item': 1 },
  })
})

test('a function that is known to write is a write, one that may yet turn out to read is not', async () => {
  const { asks, scopeOf, report } = await counted()
  const [first, second] = [scopeOf(), scopeOf()]
  asks('select writes()', first)
  asks('select reads(), nobody_knows()', second)
  expect(report(first, second)).toMatchObject({ requests: 2, primary: 1, causes: { 'function:writes': 1 } })
})

test('what waits on the same connection for another one is a wait of its own, unless it is sent at once', async () => {
  for (const [isQueued, crossings] of [
    [true, 2],
    [false, 1],
  ] as const) {
    const { asks, scopeOf, report } = await counted({ isQueued })
    const scope = scopeOf()
    asks('select 1', scope)
    asks('select 2', scope)
    expect(report(scope)).toMatchObject({ statements: 2, crossings })
  }
})

test('its time is over with the last answer, or with the connection', async () => {
  for (const end of ['answered', 'ends'] as const) {
    const { asks, count, scopeOf, report } = await counted()
    const scope = scopeOf()
    asks('select 1', scope)
    if (end === 'answered') {
      asks('select 2', scope)
      count.answered()
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
    count[end]()
    // Of a question of ours, say.
    count.answered()
    const { databaseMs = 0 } = report(scope) ?? {}
    expect(databaseMs).toBeGreaterThan(8)
  }
})

test('a connection that goes to another request counts for that one', async () => {
  const { asks, count, scopeOf, report } = await counted()
  const [first, second] = [scopeOf(), scopeOf()]
  asks('select 1', first)
  asks('select 2', second)
  count.answered()
  asks('select 3', onPrimary(second))
  expect(report(first, second)).toMatchObject({ requests: 2, statements: 3, crossings: 3, primaryCrossings: 1 })
})

test('what no request is counted for costs nothing', async () => {
  const { count, asks, report } = await counted()
  asks('select 1', requestScope())
  count.answered()
  count.ends()
  expect(report()).toBeUndefined()
})
