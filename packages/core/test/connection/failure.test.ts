import { describe, expect, test } from '@jest/globals'
import { interpretError } from '../../src/connection/failure.ts'
import type { Scope } from '../../src/request/scope.ts'
import { Guarded, requestScope } from '../support/guarded.ts'

const errors = {
  refused: Object.assign(new Error('cannot execute'), { code: '25006', severity: 'ERROR' }),
  cancelled: Object.assign(new Error('canceling statement due to conflict with recovery'), {
    code: '40001',
    severity: 'ERROR',
  }),
  lost: Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
  own: Object.assign(new Error('no such column'), { code: '42703', severity: 'ERROR' }),
}

interface Case {
  readonly text?: string
  readonly scope?: Scope
  readonly wasSent?: boolean
  readonly canMove?: boolean
}

function verdictOn(guarded: Guarded, error: Error, options: Case = {}): unknown {
  const { text = 'select 1', scope, wasSent = true, canMove = true } = options
  const analysis = guarded.guard.database.classifier.classify(text)
  const verdict = interpretError(guarded.guard, { analysis, text, scope, error, wasSent, canMove })
  return verdict instanceof Error ? (verdict as Error & { code?: string }).code : verdict
}

const upgrade = { obstacle: 'upgrade' } as const

describe('on a replica', () => {
  test.each<[string, keyof typeof errors, () => Case, string]>([
    ['what is the app’s own', 'own', () => ({}), 'pass'],
    ['a read that was cancelled', 'cancelled', () => ({}), 'rerun'],
    ['the same in a request', 'cancelled', () => ({ scope: requestScope() }), 'rerun'],
    ['the same where rows were delivered', 'cancelled', () => ({ scope: requestScope(), canMove: false }), 'ERR_PRIMARY_REQUIRED'],
    ['a read whose connection is lost', 'lost', () => ({}), 'rerun'],
    ['the same in a request', 'lost', () => ({ scope: requestScope() }), 'ERR_PRIMARY_REQUIRED'],
    ['the same in one that cannot be replayed', 'lost', () => ({ scope: requestScope(upgrade) }), 'rerun'],
    ['the same where rows were delivered', 'lost', () => ({ scope: requestScope(upgrade), canMove: false }), 'pass'],
    ['a write whose connection is lost', 'lost', () => ({ text: 'delete from item', scope: requestScope() }), 'pass'],
    ['the same before it was sent', 'lost', () => ({ text: 'delete from item', scope: requestScope(), wasSent: false }), 'ERR_PRIMARY_REQUIRED'],
    ['a routine that may write', 'lost', () => ({ text: 'select writes()', scope: requestScope() }), 'pass'],
    ['a routine that reads', 'lost', () => ({ text: 'select reads()', scope: requestScope() }), 'ERR_PRIMARY_REQUIRED'],
    ['a refusal in a request', 'refused', () => ({ scope: requestScope() }), 'ERR_PRIMARY_REQUIRED'],
    ['a refusal in one that cannot be replayed', 'refused', () => ({ scope: requestScope(upgrade) }), 'rerun'],
    ['the same where its session cannot move', 'refused', () => ({ scope: requestScope(upgrade), canMove: false }), 'ERR_REPLAY_UNAVAILABLE'],
  ])('%s (%s)', async (_, error, make, expected) => {
    const guarded = await Guarded.ready()
    expect(verdictOn(guarded, errors[error], make())).toBe(expected)
    expect(guarded.standIn.replication.prober.isUnavailable).toBe(error === 'lost')
    await guarded.standIn.replication.end()
  }) // biome-ignore format: a table

  test('a refusal that is not done elsewhere is told to the middleware, and aborts its transaction', async () => {
    const guarded = await Guarded.ready()
    const scope = requestScope(upgrade)
    guarded.run('begin', scope)
    guarded.run('select 1', scope)
    expect(verdictOn(guarded, errors.refused, { scope, canMove: false })).toBe('ERR_REPLAY_UNAVAILABLE')
    expect(scope.request.unavailable).toBe(guarded.guard.session.transaction?.refusal)
  })

  test.each(['a refusal of the server', 'a decision'])(
    'after %s for the session, the next one is not run elsewhere',
    async (first) => {
      const guarded = await Guarded.ready()
      const scope = requestScope(upgrade)
      guarded.guard.isLent = true
      if (first === 'a decision') {
        guarded.run('select set_config(name, value, false) from item', scope)
        guarded.run('delete from item', scope)
      } else verdictOn(guarded, errors.refused, { scope, canMove: false })
      expect(guarded.guard.refused).toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE' })
      expect(verdictOn(guarded, errors.refused, { scope })).toBe('ERR_REPLAY_UNAVAILABLE')
      guarded.guard.givenBack()
      expect(verdictOn(guarded, errors.refused, { scope })).toBe('rerun')
    },
  )

  test('a text is learned from the refusal of a replica, and not from that of a read-only transaction', async () => {
    const guarded = await Guarded.ready()
    const { classifier } = guarded.guard.database
    guarded.run('begin read only')
    expect(verdictOn(guarded, errors.refused)).toBe('pass')
    expect(classifier.classify('select 1').access).toBe('read')
    guarded.run('rollback')
    expect(verdictOn(guarded, errors.refused, { scope: requestScope() })).toBe('ERR_PRIMARY_REQUIRED')
    expect(classifier.classify('select 1')).toMatchObject({ access: 'write', reason: 'learned' })
  })

  test('nothing of a replayed request is run again', async () => {
    const guarded = await Guarded.ready()
    const scope = requestScope()
    guarded.run('delete from item', scope)
    scope.request.answerReplay()
    for (const error of [errors.refused, errors.lost, errors.cancelled]) {
      expect(verdictOn(guarded, error, { scope })).toBe('drop')
    }
  })
})

describe('on a replica, further', () => {
  test('what the app has ended itself says nothing of the server; an answer does', async () => {
    for (const [error, expected, isUnavailable] of [
      [errors.lost, 'pass', false],
      [errors.cancelled, 'rerun', false],
    ] as const) {
      const guarded = await Guarded.ready()
      guarded.isEnded = true
      expect(verdictOn(guarded, error)).toBe(expected)
      expect(guarded.standIn.replication.prober.isUnavailable).toBe(isUnavailable)
    }
  })

  test('a node that is lost says nothing of the local server', async () => {
    const guarded = await Guarded.ready({ side: 'node' })
    expect(verdictOn(guarded, errors.lost, { scope: requestScope(upgrade) })).toBe('rerun')
    expect(guarded.standIn.replication.prober.isUnavailable).toBe(false)
  })

  test('a connection to the primary that has become one to a replica interprets as on a primary', async () => {
    const guarded = await Guarded.ready({ side: 'primary' })
    guarded.isOn('replica')
    expect(verdictOn(guarded, errors.cancelled, { scope: requestScope() })).toBe('pass')
    expect(verdictOn(guarded, errors.lost, { scope: requestScope() })).toBe('pass')
  })

  test('a refusal that cannot move names what is in its way, and its cause', async () => {
    for (const [before, detail] of [
      ['select 1', 'session'],
      ['begin', 'transaction'],
    ] as const) {
      const guarded = await Guarded.ready()
      const scope = requestScope(upgrade)
      guarded.run(before, scope)
      expect(verdictOn(guarded, errors.refused, { scope, canMove: false })).toBe('ERR_REPLAY_UNAVAILABLE')
      expect(scope.request.unavailable).toMatchObject({ reason: 'upgrade', detail, cause: errors.refused })
    }
  })

  test('a read that is cancelled in a transaction has its request replayed, and aborts it', async () => {
    const guarded = await Guarded.ready()
    const scope = requestScope()
    guarded.run('begin', scope)
    expect(verdictOn(guarded, errors.cancelled, { scope })).toBe('ERR_PRIMARY_REQUIRED')
    const { transaction } = guarded.guard.session
    expect(transaction?.refusal).toMatchObject({ reason: 'unavailable', cause: errors.cancelled })
    expect(scope.request.refusal).toBe(transaction?.refusal)
  })

  test('a refusal is replayed as one, and has the role asked again', async () => {
    const guarded = await Guarded.ready()
    const scope = requestScope()
    const { asked } = guarded.standIn
    verdictOn(guarded, errors.refused, { scope })
    expect(scope.request.refusal).toMatchObject({ reason: 'refused', detail: 'select', cause: errors.refused })
    expect(guarded.standIn.asked).toBe(asked + 1)
    const other = await Guarded.ready()
    const asks = other.standIn.asked
    verdictOn(other, errors.refused, { scope: requestScope(upgrade) })
    expect(other.standIn.asked).toBeGreaterThan(asks)
  })

  test('nothing is learned of a statement without a text, or from an error that teaches nothing', async () => {
    const guarded = await Guarded.ready()
    const { classifier } = guarded.guard.database
    const analysis = classifier.classify('select 1')
    const unnamed = { analysis, text: undefined, scope: requestScope(), wasSent: true, canMove: true }
    expect(interpretError(guarded.guard, { ...unnamed, error: errors.refused })).toMatchObject({
      code: 'ERR_PRIMARY_REQUIRED',
    })
    expect(interpretError(guarded.guard, { ...unnamed, scope: requestScope(upgrade), error: errors.lost })).toBe(
      'rerun',
    )
    verdictOn(guarded, errors.lost, { scope: requestScope() })
    expect(classifier.classify('select 1').access).toBe('read')
    const silent = await Guarded.ready({ facts: { teachesWrite: () => false } })
    verdictOn(silent, errors.refused, { scope: requestScope() })
    expect(silent.guard.database.classifier.classify('select 1').access).toBe('read')
    await Promise.all([guarded, silent].map(({ standIn }) => standIn.replication.end()))
  })

  test('a refusal by the session’s own setting is the app’s own', async () => {
    const guarded = await Guarded.ready()
    guarded.run('set default_transaction_read_only = on')
    const own = Object.assign(new Error('cannot execute in a read-only transaction'), {
      code: '25006',
      severity: 'ERROR',
    })
    const scope = requestScope()
    expect([verdictOn(guarded, own, { scope }), scope.request.refusal]).toEqual(['pass', undefined])
    const recovery = Object.assign(new Error('cannot execute during recovery'), { code: '25006', severity: 'ERROR' })
    expect(verdictOn(guarded, recovery, { scope })).toBe('ERR_PRIMARY_REQUIRED')
  })
})

describe('on a primary', () => {
  test('what the app has ended itself is no outage', async () => {
    const guarded = await Guarded.ready({ role: 'primary' })
    guarded.isEnded = true
    const scope = requestScope()
    expect([verdictOn(guarded, errors.lost, { scope }), scope.request.primaryUnreachable]).toEqual(['pass', undefined])
  })

  test.each([
    ['lost', true, false],
    ['refused', false, true],
    ['own', false, false],
  ] as const)(
    '%s: the driver’s own error; the request knows whether the primary is out of reach',
    async (name, isOut, isLeft) => {
      const guarded = await Guarded.ready({ role: 'primary' })
      const scope = requestScope()
      expect(verdictOn(guarded, errors[name], { scope })).toBe('pass')
      expect(scope.request.primaryUnreachable).toBe(isOut ? errors[name] : undefined)
      expect(guarded.guard.isMisplaced).toBe(isLeft)
    },
  )

  test('nothing hears of what is lost or refused when its request was replayed', async () => {
    const guarded = await Guarded.ready({ role: 'primary' })
    const scope = requestScope()
    scope.request.answerReplay()
    for (const error of [errors.refused, errors.lost]) expect(verdictOn(guarded, error, { scope })).toBe('drop')
    expect(verdictOn(guarded, errors.own, { scope })).toBe('pass')
  })

  test('a read-only transaction of the app’s own says nothing of its server', async () => {
    const guarded = await Guarded.ready({ role: 'primary' })
    guarded.run('begin read only')
    verdictOn(guarded, errors.refused)
    expect(guarded.guard.isMisplaced).toBe(false)
  })
})
