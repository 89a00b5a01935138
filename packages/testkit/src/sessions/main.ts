import { parseArgs } from 'node:util'
import { printFigures, runMeetings, runSessions } from './run.ts'
import { printSession } from './step.ts'
import { type SessionAdapter, World } from './world.ts'

/** Plays as many sessions as the command line says, and tells what came of it. */
export async function playSessions(adapters: Readonly<Record<string, SessionAdapter>>): Promise<void> {
  const { values } = parseArgs({
    strict: false,
    options: {
      adapter: { type: 'string' },
      sessions: { type: 'string' },
      meetings: { type: 'string' },
      seed: { type: 'string' },
      'keep-going': { type: 'boolean' },
    },
  })
  const adapter = adapters[String(values.adapter)]
  if (adapter === undefined) throw new TypeError(`--adapter is one of ${Object.keys(adapters).join(', ')}`)
  const sessions = Number(values.sessions ?? 20_000)
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`${adapter.name}: ${sessions} sessions, seed ${seed}`)
  const world = await World.start(adapter)
  // What would end an app is a fault, and no reason to end the search.
  process.on('uncaughtException', (error) => {
    console.log(
      `\n✗ An error that would end an app, in ${world.lot.sessions.map(printSession).at(-1)}\n\n${error.stack}\n`,
    )
    process.exitCode = 1
  })
  try {
    const startedAt = performance.now()
    let toldAt = startedAt
    const { figures, failures } = await runSessions(world, {
      sessions,
      seed,
      keepsGoing: values['keep-going'] === true,
      onFailure: (failure) => console.log(`\n✗ This session went otherwise than on one server:\n\n${failure}\n`),
      onProgress: (figures) => {
        if (performance.now() - toldAt < 10_000) return
        toldAt = performance.now()
        console.log(`  ${seconds(toldAt - startedAt)}  ${printFigures(figures)}`)
      },
    })
    console.log(`${adapter.name}: ${printFigures(figures)}, in ${seconds(performance.now() - startedAt)}`)
    const meetings = Number(values.meetings ?? Math.ceil(sessions / 10))
    const met = await runMeetings(world, { meetings, seed, keepsGoing: values['keep-going'] === true })
    for (const failure of met.failures)
      console.log(`\n✗ These sessions met, and went otherwise than on one server:\n\n${failure}\n`)
    console.log(
      `${adapter.name}: ${meetings} times some met, ${met.refused} of them refused, ${met.failures.length} wrong`,
    )
    if (failures.length + met.failures.length > 0) process.exitCode = 1
  } finally {
    await world[Symbol.asyncDispose]()
  }
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(0)} s`
}
