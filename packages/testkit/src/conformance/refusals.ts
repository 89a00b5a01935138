import { isPrimaryRequired } from '@flyroute/core'
import { describe, expect, test } from '@jest/globals'
import { away, type Context, home, rejection } from './context.ts'

/** What a replica does not run: before it is sent where its text says so, else by the server's word. */
export function refusals(context: Context): void {
  describe('refusals', () => {
    test('every statement that writes is refused on a replica, and changes nothing', async () => {
      const far = await context.open(away)
      const id = await context.newRow(1)
      for (const sql of context.dialect.writes(id)) {
        expect([sql, await rejection(far.query(sql))]).toEqual([
          sql,
          expect.objectContaining({ code: 'ERR_PRIMARY_REQUIRED', reason: 'write', target: context.replaysTo }),
        ])
      }
      expect(await context.valueOnPrimary(id)).toBe(1)
      expect(await context.portOf(far)).toBe(context.replica.port)
    })

    test('a refusal that the handler swallows is a replay all the same', async () => {
      const { app } = await context.app({ replayBeforeHandler: [] })
      const id = context.nextId()
      const answer = await app.send(away, (subject) => subject.query(context.insert(id, 2)).catch(() => 'never mind'))
      expect(answer.way).toEqual([away, home])
      expect(await context.valueOnPrimary(id)).toBe(2)
    })

    context.testWith(
      'hidden-write',
      'a write that no text shows is refused by the server, and then known',
      async () => {
        const far = await context.open(away)
        await context.knowsRoutines(far)
        const id = context.nextId()
        const first = await rejection(far.query(context.hiddenWrite(id)))
        expect(isPrimaryRequired(first)).toBe(true)
        expect(first).toMatchObject({ reason: 'refused', cause: { code: context.dialect.refusalCode } })
        const second = await rejection(far.query(context.hiddenWrite(id)))
        expect(second).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'write', detail: 'learned' })
        expect(await context.valueOnPrimary(id)).toBeUndefined()
      },
    )

    context.testWith('hidden-write', 'a hidden write in a request ends where it belongs, with a token', async () => {
      const { app } = await context.app({ replayBeforeHandler: [] })
      const id = context.nextId()
      const answer = await app.send(away, (subject) => subject.query(context.hiddenWrite(id)))
      expect(answer).toMatchObject({ status: 200, way: [away, home], token: expect.any(String) })
      expect(await context.valueOnPrimary(id)).toBe(0)
    })

    test('other errors pass through as they are', async () => {
      const far = await context.open(away)
      const error = await rejection(far.query('select nothing from conformance'))
      expect(isPrimaryRequired(error)).toBe(false)
      expect(String((error as { code?: unknown }).code)).not.toMatch(/^ERR_/)
    })
  })
}
