import type { Socket } from 'node:net'
import { Relay, reset } from '@flyroute/testkit'

/** A stretch of wire in front of a server, which can lose what the server says. */
export class Proxy extends Relay {
  /** Cuts a connection in place of passing on the server's next answer. */
  losesAnswers = false

  static to(port: number): Promise<Proxy> {
    return new Proxy(port).listen()
  }

  protected override pass(client: Socket, server: Socket): void {
    client.on('data', (chunk) => server.write(chunk))
    server.on('data', (chunk) => {
      if (this.losesAnswers) reset(client)
      else client.write(chunk)
    })
  }
}
