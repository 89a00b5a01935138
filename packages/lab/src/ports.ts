import { once } from 'node:events'
import { createServer } from 'node:net'

const first = 20_000
const count = 12_000
// Processes start looking at different places, and none is given out twice in one. Those of one moment have numbers in a row:
// the golden ratio puts their places far apart.
let next = (process.pid * 4_583) % count

/**
 * Finds a free TCP port on loopback for a server that insists on being told its port. The port lies below the range from which
 * systems take the ports of outgoing connections (32768 and up on Linux, 49152 and up on macOS), so that a server that was
 * killed finds it free when it comes back. Another process may still take it first.
 */
export async function findPort(): Promise<number> {
  for (;;) {
    const port = first + next
    next = (next + 1) % count
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
    return true
  } catch {
    return false
  }
}
