import type { Socket } from 'node:net'

/** Resets a connection. One whose own end is under way is closed: the system refuses to reset it, and Node forgets it then. */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}
