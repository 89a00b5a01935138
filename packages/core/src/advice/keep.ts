import type * as fs from 'node:fs'
import { readAdvise, readMachine } from '../env.ts'
import { publish } from '../events.ts'
import { trafficOnce } from './slot.ts'
import { Traffic, type TrafficReport } from './traffic.ts'

/** From so many requests on, it is told that more than half of them write. */
const enough = 100
/** How often (ms) counts are handed over that have changed; and so many times as long as that takes, so that it costs next to nothing. */
const [leastMs, times] = [1_000, 500] as const

type Files = Pick<typeof fs, 'mkdirSync' | 'readdirSync' | 'readFileSync' | 'renameSync' | 'rmSync' | 'writeFileSync'>

/**
 * Begins to count what requests do, where `FLYROUTE_ADVISE` asks for it, and hands that over in a file of this process, in the folder
 * that it names: `flyroute advise` reads it there. Done once, with the first middleware.
 *
 * Node is asked for its files, which are imported nowhere: what is bundled for an edge has none.
 *
 * @returns undefined where nothing is counted
 */
export function beginTraffic(): Traffic | undefined {
  return trafficOnce(begin)
}

function begin(): Traffic | undefined {
  const advise = readAdvise()
  const files: Files | undefined = advise === undefined ? undefined : process.getBuiltinModule?.('node:fs')
  if (advise === undefined || files === undefined) return undefined
  const folder = advise === 'default' ? `${process.getBuiltinModule('node:os').tmpdir()}/flyroute-advise` : advise
  try {
    files.mkdirSync(folder, { recursive: true, mode: 0o700 })
    tellBefore(folder, files)
  } catch (error) {
    publish('notice', { database: '', message: `FLYROUTE_ADVISE: ${(error as Error).message}; nothing is counted` })
    return undefined
  }
  const traffic = new Traffic()
  handOver(traffic, folder, files)
  return traffic
}

function handOver(traffic: Traffic, folder: string, files: Files): void {
  const { pid } = process
  const { region, primaryRegion } = readMachine()
  const path = `${folder}/${pid}.json`
  let written = -1
  let isTold = false
  const write = (): void => {
    if (traffic.requests === written) return
    written = traffic.requests
    try {
      // Whole at any moment.
      files.writeFileSync(`${path}.new`, JSON.stringify({ ...traffic.toJSON(), pid, region, primaryRegion }), {
        mode: 0o600,
      })
      files.renameSync(`${path}.new`, path)
    } catch {
      // A full disk is no reason for a request to fail.
    }
    isTold ||= tellIfMost(traffic.requests, traffic.primary, false)
  }
  const writeAgain = (): void => {
    const begun = performance.now()
    write()
    setTimeout(writeAgain, Math.max(leastMs, times * (performance.now() - begun))).unref?.()
  }
  writeAgain()
  process.once('exit', write)
}

/** What the process before this one has counted, which ended: only the newest of those is kept. */
function tellBefore(folder: string, files: Files): void {
  const ended = files
    .readdirSync(folder)
    .filter((name) => /^\d+\.json$/.test(name) && !isOther(Number.parseInt(name, 10)))
  const reports = ended.flatMap((name) => read(`${folder}/${name}`, files) ?? []).sort((a, b) => b.until - a.until)
  const [newest] = reports
  for (const name of ended) if (name !== `${newest?.pid}.json`) files.rmSync(`${folder}/${name}`, { force: true })
  const sum = (of: 'requests' | 'primary'): number => newest?.routes.reduce((all, route) => all + route[of], 0) ?? 0
  tellIfMost(sum('requests'), sum('primary'), true)
}

function read(path: string, files: Files): TrafficReport | undefined {
  try {
    return JSON.parse(files.readFileSync(path, 'utf8')) as TrafficReport
  } catch {
    return undefined
  }
}

/** Whether another process runs by this number: in a container, each first process has the same one. */
function isOther(pid: number): boolean {
  try {
    return pid !== process.pid && process.kill(pid, 0)
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM'
  }
}

/** @returns whether it was told */
function tellIfMost(requests: number, primary: number, before: boolean): boolean {
  if (requests < enough || primary <= requests / 2) return false
  publish('mostly-writes', { requests, share: primary / requests, before })
  return true
}
