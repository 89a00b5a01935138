import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Terminal, UsageError } from '../terminal.ts'
import { advise } from './advice.ts'
import { folderSet, parseAdviseArguments } from './arguments.ts'
import { printed } from './print.ts'
import { readTraffic, type Traffic } from './reports.ts'
import { runCounting } from './run.ts'

export const adviseHelp = `flyroute advise [--regions ams,gru] [--primary ord] [--json] [folder | -- command …]

Is this app made for several regions? What its requests do is counted by their routes, where it runs now: no replica is needed,
nor Fly.io. From that: the share that writes, what a region with a replica would serve by itself and what it would have replayed,
what clients there wait for now and would then, and which routes keep it back, with why and what to do.

  -- node server.js   start the app, use it (or have a load test use it), and end it with Ctrl-C
  folder              what an app has counted that was started with FLYROUTE_ADVISE=<folder>
                      Default: that of FLYROUTE_ADVISE=1, as on a Machine: fly ssh console -C "npx flyroute advise --regions ams"

  --regions ams,gru   the regions that you think of adding
  --primary ord       where the app and its database are now. Default: what the app says, on Fly.io
  --json              for scripts

The app needs a pool (createPool) and a middleware (replayMiddleware, replayable) of flyroute, and nothing else of it. No SQL is
kept, no value and no path of a single thing: methods, paths without their changing parts, and names of tables.
`

/**
 * Says whether an app is made for several regions, by what it has done.
 *
 * @returns the exit code
 * @throws UsageError that lists what is wrong with the arguments, or says why nothing was counted
 */
export async function runAdvise(args: readonly string[], terminal: Terminal): Promise<number> {
  const { help, json, regions, primary, path, command } = parseAdviseArguments(args)
  if (help) {
    terminal.print(adviseHelp)
    return 0
  }
  const traffic = command.length > 0 ? await count(command, json, terminal) : readTraffic(path)
  const home = primary ?? traffic.primaryRegion ?? traffic.region
  if (regions.length > 0 && home === undefined) {
    throw new UsageError('flyroute advise: say where the app and its database are now, as in: --primary ord')
  }
  const advice = advise(traffic, home, regions)
  if (advice.requests === 0) {
    throw new UsageError(
      'flyroute advise: no request came through a middleware of flyroute. Put replayMiddleware({ databases: [pool] }) ahead of all routes, or replayable() around the handler, and use the app.',
    )
  }
  terminal.print(json ? JSON.stringify(advice, undefined, 2) : printed(advice))
  return 0
}

async function count(command: readonly string[], json: boolean, terminal: Terminal): Promise<Traffic> {
  const set = folderSet()
  const folder = set ?? mkdtempSync(join(tmpdir(), 'flyroute-advise-'))
  terminal.complain(
    'flyroute advise: counting. Use the app as its clients do; Ctrl-C ends it and shows what came of it.',
  )
  try {
    await runCounting(command, folder, json, terminal)
    return readTraffic(folder)
  } finally {
    if (set === undefined) rmSync(folder, { recursive: true, force: true })
  }
}
