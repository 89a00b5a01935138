import { describe, expect, test } from '@jest/globals'
import { interpretError } from '../../src/connection/index.ts'
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

describe('on a primary', () => {
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
