import { monitorEventLoopDelay } from 'node:perf_hooks'

/** In so many attempts one has to be fit to tell. */
const attempts = 5

/**
 * Runs a test of what is decided by the time that things take. Where it fails, and this process has stood still for longer than
 * `stillMs` meanwhile, as on a busy machine, it was measured what the machine does: it is run again. Otherwise it has failed.
 */
export async function whileItRuns(run: () => Promise<void>, stillMs: number): Promise<void> {
  for (let left = attempts; ; left--) {
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    try {
      return await run()
    } catch (error) {
      if (left === 1 || delay.max / 1e6 < stillMs) throw error
    } finally {
      delay.disable()
    }
  }
}
