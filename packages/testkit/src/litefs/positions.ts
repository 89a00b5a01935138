import { execFile } from 'node:child_process'
import { open, rename, rm } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { MountedDatabase } from './mounted-database.ts'

/** How many pipes are made at a time. */
const batch = 200

/**
 * Tells the primary's position to each reader of its `-pos` file, as it is at that moment: a named pipe, whose writer opens
 * it when a reader has come. (A file that is written after each commit would be late: the app reads it at once.)
 *
 * Each reader has a pipe of its own, or the answer to the next one would reach the one that still reads to the end. One process
 * reads at a time, as a machine has one app.
 *
 * @returns ends it
 */
export async function answerPositions(database: MountedDatabase): Promise<() => Promise<void>> {
  const path = database.positionPath
  const pipes: string[] = []
  let made = 0
  let over = false
  const next = async (): Promise<void> => {
    if (pipes.length === 0) {
      for (let i = 0; i < batch; i++) pipes.push(`${path}.${++made}`)
      await promisify(execFile)('mkfifo', pipes)
    }
    await rename(pipes.pop() as string, path)
  }
  await next()
  const answering = (async () => {
    while (!over) {
      const pipe = await open(path, 'w')
      if (!over) {
        await next()
        await pipe.write(database.positionText(database.txid))
      }
      await pipe.close()
    }
  })()
  return async () => {
    over = true
    // The writer waits for a reader.
    const reader = await open(path, 'r+')
    await answering
    await reader.close()
    await Promise.all([path, ...pipes].map((one) => rm(one, { force: true })))
  }
}
