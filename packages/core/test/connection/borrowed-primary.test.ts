import { expect, test } from '@jest/globals'
import { createClassifier } from '../../src/classify/classifier.ts'
import { BorrowedPrimary } from '../../src/connection/borrowed-primary.ts'
import { Guarded } from '../support/guarded.ts'

async function borrow(run: readonly string[], use: readonly string[] = []) {
  const [here, there] = [await Guarded.ready(), await Guarded.ready({ role: 'primary', side: 'primary' })]
  for (const text of run) here.run(text)
  const again: string[] = []
  const givenBack: boolean[] = []
  const connection = {
    guard: there.guard,
    async runAgain(text: string) {
      again.push(text)
      there.run(text)
    },
    giveBack: (isUnfit: boolean) => void givenBack.push(isUnfit),
  }
  const borrowed = new BorrowedPrimary(here.guard, async () => connection)
  expect(borrowed.connection).toBeUndefined()
  expect(await borrowed.ready).toBe(connection)
  await undefined
  expect(borrowed.connection).toBe(connection)
  for (const text of use) there.run(text)
  const { isFree } = borrowed
  borrowed.leave()
  borrowed.leave()
  await borrowed.ready
  await undefined
  return { again, givenBack, isFree }
}

test.each<[string, string[], string[], string[], boolean, boolean]>([
  ['nothing was done', [], [], [], true, false],
  ['a read there', [], ['select 1'], [], true, false],
  ['a setting goes along', ["set search_path = 'a'"], [], ["set search_path = 'a'"], true, true],
  ['a transaction goes along', ['begin'], ['commit'], ['begin'], true, false],
  ['and is still open', ['begin'], [], ['begin'], false, true],
  ['its session was changed there', [], ["set search_path = 'b'"], [], false, true],
  ['something was left there', [], ['do $$ begin end $$'], [], false, true],
  ['a lock was taken there', [], ['select pg_advisory_lock(1)'], [], false, true],
])(
  '%s: made again, and given back as it is only where it is as it was',
  async (_, here, there, again, isFree, isUnfit) => {
    expect(await borrow(here, there)).toEqual({ again, givenBack: [isUnfit], isFree })
  },
)

test('what was set there is set here as well before it is left, and while that cannot be it is not free', async () => {
  const { here, there, borrowed } = await moved()
  const run: string[] = []
  const runs = async (text: string) => void run.push(text)
  // Its transaction is open.
  expect(borrowed.bringsHome(runs)).toBeUndefined()
  there.run("set search_path = 'b'")
  there.run('commit')
  expect(borrowed.isFree).toBe(false)
  const brought = borrowed.bringsHome(runs)
  expect(borrowed.bringsHome(runs)).toBeUndefined()
  await brought
  expect([run, borrowed.isFree, borrowed.bringsHome(runs)]).toEqual([["set search_path = 'b'"], true, undefined])
  expect(here.guard.session.image.settings).toMatchObject([{ key: "set search_path = 'b'" }])
  there.run('set role nobody')
  await borrowed.bringsHome(() => Promise.reject(new Error('no such role here')))
  expect([borrowed.isFree, borrowed.bringsHome(runs)]).toEqual([false, undefined])
})

test('what the server has not said of a setting keeps it there, but for what a user before has left undecided', async () => {
  const { there, borrowed } = await moved()
  there.run('commit')
  expect(borrowed.isFree).toBe(true)
  const text = "set search_path = 'b'"
  const analysis = createClassifier({ dialect: 'postgres' }).classify(text)
  there.guard.session.sends(text, analysis)
  expect(borrowed.isFree).toBe(false)
  there.guard.session.declines(analysis)
  expect(borrowed.isFree).toBe(true)
})

test('one whose session could not be made is closed', async () => {
  const here = await Guarded.ready()
  const there = await Guarded.ready({ role: 'primary', side: 'primary' })
  here.run("set search_path = 'a'")
  const givenBack: boolean[] = []
  const borrowed = new BorrowedPrimary(here.guard, async () => ({
    guard: there.guard,
    runAgain: () => Promise.reject(new Error('No')),
    giveBack: (isUnfit: boolean) => void givenBack.push(isUnfit),
  }))
  await expect(borrowed.ready).rejects.toThrow('No')
  await new Promise((resolve) => setImmediate(resolve))
  expect([givenBack, borrowed.connection]).toEqual([[true], undefined])
})

/** A session that has moved, the transaction with it. */
async function moved() {
  const [here, there] = [await Guarded.ready(), await Guarded.ready({ role: 'primary', side: 'primary' })]
  here.run('begin')
  const givenBack: boolean[] = []
  const borrowed = new BorrowedPrimary(here.guard, async () => ({
    guard: there.guard,
    runAgain: async (text: string) => there.run(text),
    giveBack: (isUnfit: boolean) => void givenBack.push(isUnfit),
  }))
  await borrowed.ready
  await undefined
  return { here, there, givenBack, borrowed }
}

test('a session that has moved ends with its own connection: the other one is closed, and none is begun there again', async () => {
  const { here, there, givenBack } = await moved()
  expect(here.guard.isDiverted).toBe(true)
  here.guard.dies()
  await undefined
  expect(givenBack).toEqual([true])
  expect([here.guard.isDiverted, here.guard.session.canMove]).toEqual([false, false])
  there.guard.dies()
  expect(here.cuts).toBe(0)
})

test('and with the one on the primary: its own is ended, so that the app hears of it', async () => {
  const { here, there } = await moved()
  there.guard.dies()
  expect([here.cuts, there.cuts]).toEqual([1, 0])
  here.guard.dies()
  there.guard.dies()
  expect(here.cuts).toBe(1)
})

test('once it was given back, it ends with none of them', async () => {
  const { here, there, borrowed } = await moved()
  there.run('commit')
  here.guard.givenBack()
  await borrowed.ready
  there.guard.dies()
  here.guard.dies()
  expect([here.cuts, here.guard.isDiverted, here.guard.session.canMove]).toEqual([0, false, true])
})

test('what was there before has gone on, when another one is borrowed', async () => {
  const { here, borrowed } = await moved()
  borrowed.leave()
  const next = new BorrowedPrimary(here.guard, () => Promise.reject(new Error('No')))
  borrowed.leave()
  expect(here.guard.loan).toBe(next)
  await expect(next.ready).rejects.toThrow('No')
  await undefined
  expect(here.guard.isDiverted).toBe(false)
})
