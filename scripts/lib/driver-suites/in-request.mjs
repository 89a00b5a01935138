// `node in-request.mjs <file> [argument…]`: runs the file as if it had been started by itself, inside of one request that is
// never answered.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { replayable } from '../../../packages/core/src/fetch.ts'

process.argv.splice(1, 1)
const [, file] = process.argv
// Any database will do, for none is asked before the handler: the request is a GET without a token.
const database = createRequire(import.meta.url)('./stand-ins/pg.cjs')
const handler = replayable(
  (_) => {
    void import(pathToFileURL(file).href)
    return new Promise(() => undefined)
  },
  { databases: [database] },
)
void handler(new Request('http://app.test/'))
