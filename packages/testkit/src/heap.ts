import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** So many clients come before the heap is looked at: what is made once and kept is there then. */
const first = 4_000

/**
 * By how many bytes the heap has grown from the 4,000th to the 20,000th of clients that come and go one after the other.
 *
 * @param visit one of them, from its coming to its going
 */
export async function heapGrowth(visit: (n: number) => Promise<void>): Promise<number> {
  setFlagsFromString('--expose_gc')
  const collect = runInNewContext('gc') as () => void
  const heapAfter = async (from: number, to: number): Promise<number> => {
    for (let n = from; n < to; n++) await visit(n)
    // The last sockets close when the server has said goodbye; what is kept for seconds is kept.
    for (let round = 0; round < 10; round++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      collect()
    }
    return process.memoryUsage().heapUsed
  }
  const before = await heapAfter(0, first)
  return (await heapAfter(first, 20_000)) - before
}
