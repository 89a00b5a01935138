import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A node's mount folder, as far as it is not about one database. */
export class Mount {
  readonly #primary: string

  constructor(dir: string) {
    this.#primary = join(dir, '.primary')
  }

  /** Writes the host name of the primary where the app looks for it; undefined: none is known. */
  namePrimary(host: string | undefined): void {
    if (host === undefined) rmSync(this.#primary, { force: true })
    else replaceFile(this.#primary, `${host}\n`)
  }
}

/** In one step: no reader sees half of it. */
export function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}
