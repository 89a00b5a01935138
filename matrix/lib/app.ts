// The app that runs in every region of the lab: `node app.ts <folder of the suite>`. One route an operation, by any method,
// through the door that an app of Node's own server has. An error is answered by the app itself, as if it had not heard of
// flyroute.
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { replayable } from '@flyroute/core/node'
import type { OperationName } from './operations.ts'
import type { OrmSuite, Run } from './orm.ts'
import { outcomeOf, toJson } from './outcome.ts'
import { flyrouteSource } from './source.ts'

const [, , folder = '.'] = process.argv
const { suite } = (await import(pathToFileURL(join(folder, 'orm.ts')).href)) as { suite: OrmSuite<unknown> }
const source = flyrouteSource(process.env as Record<string, string>)
const opened = await suite.open(source)
const operations: Partial<Record<OperationName, Run>> = suite.operations(opened.db)

const handler: RequestListener = (request, response) => {
  void answer(decodeURIComponent(request.url?.slice(1) ?? '') as OperationName).then(({ status, body }) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  })
}

async function answer(name: OperationName): Promise<{ status: number; body: string }> {
  const run = operations[name]
  if (run === undefined) return { status: 404, body: '' }
  const outcome = await outcomeOf(run)
  return { status: 'answer' in outcome ? 200 : 500, body: toJson(outcome) }
}

const { database } = source
if (database === undefined) throw new Error('The suite has made no connection of flyroute’s.')
createServer(replayable(handler, { databases: [database], debugHeader: true })).listen(Number(process.env['PORT']))
