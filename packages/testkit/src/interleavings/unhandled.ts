/** Runs `work`, and collects what would have ended the process meanwhile. */
export async function unhandledDuring(work: () => Promise<void>): Promise<{ readonly unhandled: readonly unknown[] }> {
  const unhandled: unknown[] = []
  const note = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', note).on('uncaughtException', note)
  try {
    await work()
  } finally {
    process.off('unhandledRejection', note).off('uncaughtException', note)
  }
  return { unhandled }
}
