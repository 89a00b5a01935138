import type { Told } from './app.ts'
import type { Game, Played } from './play.ts'
import { printProgram, type Step } from './program.ts'

/** What was promised and has not been kept; undefined for nothing. */
export function judge(game: Game): string | undefined {
  const { network, runs, unhandled } = game
  const [first, second] = runs as [Played, Played | undefined]
  const isReplayed = first.answer?.replay !== undefined
  const faults: string[] = []
  const times = new Map<string, number>()
  for (const { id } of network.committed) times.set(id, (times.get(id) ?? 0) + 1)

  for (const [id, count] of times) if (count > 1) faults.push(`${id} was written ${count} times`)
  if (isReplayed) {
    for (const { run, id } of network.committed)
      if (run === 1) faults.push(`${id} was committed, and its request replayed`)
  }
  for (const what of network.sentLate) faults.push(`behind the replay, ${what} was sent`)
  for (const { app } of runs) {
    for (const id of app.acknowledged) if (!times.has(id)) faults.push(`${id} was acknowledged, and is not there`)
  }
  for (const one of first.app.told)
    if (one.isLate && one.outcome !== 'nothing' && one.what !== 'rollback')
      faults.push(`behind the replay, ${one.id} ${one.what} was answered`)
  if (!isReplayed) {
    for (const { id, outcome } of first.app.told)
      if (isRefusal(outcome)) faults.push(`${id} was refused, and its request not replayed`)
  }
  if (second?.answer?.replay !== undefined) faults.push('it was replayed from the primary region')
  runs.forEach((played, index) => faults.push(...unanswered(played, index === 0 && isReplayed)))
  runs.forEach((played) => {
    if (
      played.answer?.status === 503 &&
      !network.primaryTrouble.has(played.region) &&
      !isInTheWay(game, played.app.told)
    )
      faults.push(`503 in ${played.region}, where the primary was reachable`)
  })
  if (isReplayed) {
    for (const { id, what, outcome, isToldLate } of first.app.told)
      if (isCut(outcome)) faults.push(`${id} ${what} was told that its connection was taken back`)
      else if (isToldLate && isLost(outcome))
        faults.push(`behind the replay, ${id} ${what} was told that its connection was lost`)
  }
  if (unhandled.length > 0) faults.push(`unhandled: ${unhandled.map(String).join(', ')}`)
  for (const link of game.leftOpen) faults.push(`a transaction was left open at ${link}`)
  if (!game.isPoolEnded) faults.push('a connection did not come home: its pool does not end')
  for (const link of game.stillConnected) faults.push(`a connection is still open to ${link}`)
  return faults.length === 0 ? undefined : faults.join('\n')
}

/** The program, its order and its faults, in words. */
export function printGame({ program, network, runs }: Game, faults: string): string {
  const told = runs.flatMap(({ app, region }) =>
    app.told.map(
      ({ id, what, outcome, isLate }) => `${region} ${id} ${what}${isLate ? ' (late)' : ''}: ${String(outcome)}`,
    ),
  )
  return [printProgram(program), '', ...network.journal, '', ...told, '', faults].join('\n')
}

function unanswered({ app, answer, region }: Played, isReplayed: boolean): string[] {
  if (isReplayed) return []
  const open = app.told.filter(({ outcome }) => outcome === 'nothing')
  const faults = open.map(({ id, what }) => `${id} ${what} in ${region} had no answer`)
  return answer === undefined ? [...faults, `the request in ${region} had no answer`] : faults
}

function isCut(outcome: Told['outcome']): boolean {
  return outcome instanceof Error && outcome.message.startsWith('Connection terminated')
}

function isLost(outcome: Told['outcome']): boolean {
  return outcome instanceof Error && Reflect.get(outcome, 'code') === 'ECONNRESET'
}

function isRefusal(outcome: Told['outcome']): boolean {
  return outcome instanceof Error && Reflect.get(outcome, 'code') === 'ERR_PRIMARY_REQUIRED'
}

/**
 * What has read in a transaction on a replica stays there: a write in it has nowhere to go where the request cannot be
 * replayed any more, and that is said as 503.
 */
function isInTheWay({ program }: Game, told: readonly Told[]): boolean {
  const isToldSo = told.some(
    ({ outcome }) =>
      outcome instanceof Error &&
      Reflect.get(outcome, 'code') === 'ERR_REPLAY_UNAVAILABLE' &&
      /transaction|session/.test(outcome.message),
  )
  return isToldSo && program.steps.some(readsFirst)
}

function readsFirst(step: Step): boolean {
  if (step.kind === 'branches') return step.branches.some((branch) => branch.some(readsFirst))
  return step.kind === 'session' && step.ends !== undefined && step.statements.length > 1
}
