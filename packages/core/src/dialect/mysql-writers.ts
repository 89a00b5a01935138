import { type Classifier, createClassifier } from '../classify/classifier.ts'
import { isServersOwn } from '../classify/effects.ts'
import type { Ask } from './ask.ts'
import { MAY_HIDE_REFUSAL, MAY_WRITE, type Writers, WritersBuilder } from './writers.ts'

/** What a routine says of itself is its creator's word: one that says nothing may write. */
const writes = "sql_data_access not in ('READS SQL DATA', 'NO SQL')"

/** Whether a body has a handler, or asks what would tell it that this is a replica. Who may not read it does not know. */
const hides = `${writes} and (routine_definition is null or lower(routine_definition) like '%handler%' or lower(routine_definition) like '%temporary%' or lower(routine_definition) like '%read\\_only%')`

const routinesQuery = `select routine_schema as c0, routine_name as c1, max(${writes}) as c2, max(${hides}) as c3
  from information_schema.routines group by routine_schema, routine_name limit 20000`

/** Those that may write and whose body names one of these. */
const callers = (names: readonly string[]): string => `select distinct routine_schema as c0, routine_name as c1
  from information_schema.routines where ${writes} and (${names.map((name) => mentions('routine_definition', name)).join(' or ')}) limit 20000`

/** Definitions that call a stored function, or what they call without quotes and is no function of a query's. */
const viewsQuery = `select table_name as c0, view_definition as c1 from information_schema.views
  where table_schema not in ('sys', 'mysql', 'information_schema', 'performance_schema')
    and (view_definition like '%\`(%' or lower(view_definition) regexp '(nextval|setval|lastval|get_lock|release_lock|last_insert_id) *[(]')
  limit 20000`

/** Views whose definition names one of these. */
const viewsOf = (names: readonly string[]): string => `select table_name as c0 from information_schema.views
  where table_schema not in ('sys', 'mysql', 'information_schema', 'performance_schema')
    and (${names.map((name) => mentions('view_definition', name)).join(' or ')}) limit 20000`

function mentions(column: string, name: string): string {
  // Neither a backslash nor a quote of a name ends the literal, whatever the SQL mode; `_` stands for any character.
  const pattern = name.toLowerCase().replaceAll(/[\\'"%]/g, '_')
  return `lower(${column}) like '%${pattern}%'`
}

/** How far calls of calls are followed, and how many names at a time. */
const deepest = 8
const mostNames = 100

/** Stored routines by what they say of themselves, and the views that call them, as far as this user may see them. */
export async function mysqlWriters(ask: Ask): Promise<Writers> {
  const writers = new WritersBuilder()
  const hiding: string[] = []
  for (const [schema = '', name = '', mayWrite, mayHide] of (await ask(routinesQuery)) as string[][]) {
    const flags = (mayWrite === '1' ? MAY_WRITE : 0) | (mayHide === '1' ? MAY_HIDE_REFUSAL : 0)
    writers.routine(schema, name, flags)
    // In quotes it is the stored function, without them the server's own of that name.
    if (isServersOwn(name.toLowerCase(), 'mysql')) writers.mention(name, flags)
    if (mayHide === '1') hiding.push(name)
  }
  await follow(hiding, async (names) => {
    const rows = (await ask(callers(names))) as string[][]
    for (const [schema = '', name = ''] of rows) writers.routine(schema, name, MAY_HIDE_REFUSAL)
    return rows.map(([, name = '']) => name)
  })
  const classifier = createClassifier({ dialect: 'mysql', cacheSize: 2 })
  const writing: string[] = []
  for (const [name = '', definition] of (await ask(viewsQuery)) as string[][]) {
    if (mayWrite(definition ?? '', classifier, writers)) writing.push(name)
  }
  await follow(writing, async (names) => ((await ask(viewsOf(names))) as string[][]).map(([name = '']) => name))
  for (const name of writing) writers.mention(name, MAY_WRITE | MAY_HIDE_REFUSAL)
  return writers
}

/** Adds what leads to the names, what leads to that, and so on. */
async function follow(names: string[], leadingTo: (names: readonly string[]) => Promise<string[]>): Promise<void> {
  const known = new Set(names)
  let next = [...names]
  for (let depth = 0; next.length > 0 && depth < deepest; depth++) {
    const found = await leadingTo(next.slice(0, mostNames))
    next = found.filter((name) => !known.has(name))
    for (const name of next) known.add(name)
    names.push(...next)
  }
}

function mayWrite(definition: string, classifier: Classifier, { routines }: Writers): boolean {
  const { access, calls = [] } = classifier.classify(definition)
  return access === 'write' || calls.some((call) => ((routines.get(call) ?? MAY_WRITE) & MAY_WRITE) !== 0)
}
