/** How long (ms) anything may take; the servers' own limits on statements are lower. */
const patienceMs = 8_000

/**
 * Waits for what a defect may keep from ever coming.
 *
 * @throws Error that says what did not come
 */
export async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} never came`)), patienceMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
