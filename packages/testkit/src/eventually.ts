import { setTimeout as sleep } from 'node:timers/promises'

/** Looks again and again until `holds` neither throws nor answers false. */
export async function eventually(holds: () => unknown, timeoutMs = 15_000): Promise<void> {
  const giveUpAt = Date.now() + timeoutMs
  for (;;) {
    try {
      if ((await holds()) !== false) return
    } catch (error) {
      if (Date.now() > giveUpAt) throw error
    }
    if (Date.now() > giveUpAt) throw new Error(`Still not so after ${timeoutMs} ms`)
    await sleep(10)
  }
}
