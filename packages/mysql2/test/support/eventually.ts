import { setTimeout as sleep } from 'node:timers/promises'

/** Looks again and again until `holds` does. */
export async function eventually(holds: () => Promise<unknown>, timeoutMs = 15_000): Promise<void> {
  const giveUpAt = Date.now() + timeoutMs
  for (;;) {
    try {
      await holds()
      return
    } catch (error) {
      if (Date.now() > giveUpAt) throw error
    }
    await sleep(10)
  }
}
