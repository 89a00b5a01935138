import type { Socket } from 'node:net'

/**
 * Resets a connection, as when the process at its end dies. One whose own end is under way is closed instead: the system
 * refuses to reset that, and Node would then never close it, and never exit.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}
