import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { AppUnderTest } from '../../examples/demo/src/conformance.ts'
import { describeApp } from '../../examples/demo/src/node-test.ts'

const examples = join(import.meta.dirname, '../../examples')

/** How an app of the examples is run by a runtime. */
interface Run {
  /** What the README's table says of it. */
  readonly title: string
  readonly example: 'express' | 'hono'
  /** The command, in a folder beside the example's own. */
  readonly command: readonly string[]
  /** What the runtime says of a text that Hono has given no type, with flyroute and without. */
  readonly untyped?: string
}

/**
 * Runs apps of the examples by another runtime, and keeps the list of promises with them. They are copied to where that
 * runtime finds the packages as they are published.
 *
 * @param runtime how a file is run
 */
export function describeRuntime(folder: string, runtime: readonly string[], runs: readonly Run[]): void {
  const generated = join(folder, 'generated')
  rmSync(generated, { recursive: true, force: true })
  for (const example of ['express', 'hono']) {
    mkdirSync(join(generated, example), { recursive: true })
    cpSync(join(examples, example, 'src'), join(generated, example), { recursive: true })
  }
  for (const { title, example, command, untyped } of runs) {
    describeApp(title, {
      folder: join(generated, example),
      command: [...runtime, ...command],
      setup: [...runtime, 'migrate.ts'],
      isExample: false,
      errors: example === 'hono' ? hono(untyped) : express,
    })
  }
}

const json = 'application/json; charset=utf-8'

const express = {
  '/nowhere': { status: 404, type: 'text/html; charset=utf-8', body: /<pre>Cannot GET \/nowhere<\/pre>/ },
  '/broken': { status: 500, type: 'text/html; charset=utf-8', body: /<pre>Internal Server Error<\/pre>/ },
  '/teapot': { status: 418, type: json, body: '{"error":"I am a teapot."}' },
}

const hono = (untyped = 'text/plain;charset=UTF-8'): AppUnderTest['errors'] => ({
  '/nowhere': { status: 404, type: 'text/plain; charset=UTF-8', body: '404 Not Found' },
  '/broken': { status: 500, type: 'text/plain; charset=UTF-8', body: 'Internal Server Error' },
  '/teapot': { status: 418, type: untyped, body: 'I am a teapot.' },
})
