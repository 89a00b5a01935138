import type { Socket } from 'node:net'
import { Relay, reset } from '@flyroute/testkit'

/** What the wire can be told to do when a client sends a command. */
export type OnCommand = (text: string, wire: { cut(): void; swallow(): void }) => void

/**
 * A stretch of wire in front of a server. It reads along what a client sends, by the packets of MySQL's protocol, can cut the
 * connection, or keep to itself what the server answers from then on.
 */
export class Wire extends Relay {
  onCommand: OnCommand = () => undefined

  static to(port: number): Promise<Wire> {
    return new Wire(port).listen()
  }

  protected override pass(near: Socket, far: Socket): void {
    let isSwallowing = false
    const wire = {
      // What the client has sent is still delivered.
      cut: () => {
        reset(near)
        far.end()
      },
      swallow: () => {
        isSwallowing = true
      },
    }
    near.on('data', (chunk: Buffer) => {
      far.write(chunk)
      // A command of these tests fits into one packet, and into one chunk.
      if (chunk[3] === 0 && chunk.length > 5) this.onCommand(chunk.toString('latin1', 5), wire)
    })
    far.on('data', (chunk: Buffer) => isSwallowing || near.write(chunk))
  }
}
