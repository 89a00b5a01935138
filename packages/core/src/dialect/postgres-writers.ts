import { isServersOwn } from '../classify/effects.ts'
import type { Ask } from './ask.ts'
import { dependents } from './postgres-dependents.ts'
import { MAY_HIDE_REFUSAL, MAY_WRITE, type Writers, WritersBuilder } from './writers.ts'

/** Extensions whose VOLATILE functions only make something up. */
const HARMLESS = "'uuid-ossp', 'pgcrypto', 'tablefunc'"

/** Routines that a statement may call and that are not the server's own, with what extension they belong to. */
const routines = `select n.nspname, p.proname, p.oid, e.extname, p.pronargs = 1 and a.typtype = 'c' as isfield, p.provolatile = 'v' and coalesce(e.extname not in (${HARMLESS}), true) as writes,
    l.lanname, case when p.prosrc = '' and p.prokind in ('f', 'p') then pg_get_functiondef(p.oid) else p.prosrc end as body
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang left join pg_type a on a.oid = p.proargtypes[0]
    left join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e' left join pg_extension e on e.oid = d.refobjid
  where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
    and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)`

/**
 * Whether a body catches errors, or asks what would tell it that this is a replica. Of languages that have no word for it
 * in common that is not known. The functions of extensions pass errors on.
 */
const hides = `writes and extname is null and (lanname not in ('sql', 'plpgsql', 'c', 'internal')
  or regexp_replace(body, 'raise\\s+exception', '', 'gi') ~* '\\mexception\\M'
  or body ~* '\\m(pg_is_in_recovery|in_hot_standby|(default_)?transaction_read_only|pg_last_wal_\\w+|pg_settings)\\M' or body ~* 'current_setting\\s*\\(\\s*[^''\\s]')`

const routinesQuery = `with routine as (${routines})
  select nspname, proname, bool_or(writes)::text as writes, bool_or(${hides})::text as hides, bool_or(isfield)::text as isfield from routine group by 1, 2 limit 20000`

/** Those that may write and whose body names one of these. */
const callers = (names: readonly string[]): string => `with routine as (${routines})
  select distinct nspname, proname from routine
  where writes and extname is null and body ~* '\\m(${names.map(escaped).join('|')})\\M' limit 20000`

/** Functions of the server's own that run a text or read relations whose names they are given: they may come to anything. */
const runners =
  'query_to_xml query_to_xml_and_xmlschema query_to_xmlschema cursor_to_xml cursor_to_xmlschema table_to_xml table_to_xml_and_xmlschema schema_to_xml schema_to_xml_and_xmlschema database_to_xml database_to_xml_and_xmlschema ts_stat ts_rewrite'

/** How far calls of calls are followed, and how many names at a time. */
const deepest = 8
const mostNames = 500

/** Routines by their volatility, and what runs them without being a call of them; an ordinary user may ask. */
export async function postgresWriters(ask: Ask): Promise<Writers> {
  const writers = new WritersBuilder()
  let hiding = new Set<string>()
  const fields = new Set<string>()
  // One's own function with a name of the server's: the text alone does not tell which of the two is called. And `row.name` is a call.
  const isSeenAsWord = (name: string): boolean => fields.has(name) || isServersOwn(name, 'postgres')
  for (const [schema = '', name = '', writes, mayHide, isField] of (await ask(routinesQuery)) as string[][]) {
    const flags = (writes === 'true' ? MAY_WRITE : 0) | (mayHide === 'true' ? MAY_HIDE_REFUSAL : 0)
    writers.routine(schema, name, flags)
    if (isField === 'true') fields.add(name)
    if (isSeenAsWord(name)) writers.mention(name, flags)
    if (mayHide === 'true') hiding.add(name)
  }
  const known = new Set(hiding)
  for (let depth = 0; hiding.size > 0 && depth < deepest; depth++) {
    const rows = (await ask(callers([...hiding].slice(0, mostNames)))) as string[][]
    hiding = new Set()
    for (const [schema = '', name = ''] of rows) {
      writers.routine(schema, name, MAY_HIDE_REFUSAL)
      if (isSeenAsWord(name)) writers.mention(name, MAY_HIDE_REFUSAL)
      if (!known.has(name)) hiding.add(name)
      known.add(name)
    }
  }
  const names = [...known].map((name) => `'${name.replaceAll("'", "''")}'`)
  const that = (what: string): string => `select oid from (${routines}) r where writes and ${what}`
  for (const [which, flags] of [
    ['true', MAY_WRITE],
    [names.length === 0 ? 'false' : `proname in (${names.join()})`, MAY_WRITE | MAY_HIDE_REFUSAL],
  ] as const) {
    for (const [kind, schema = '', name = ''] of (await ask(dependents(that(which)))) as string[][]) {
      if (kind === 'routine') writers.routine(schema, name, flags)
      if (kind !== 'routine' || isSeenAsWord(name)) writers.mention(name, flags)
    }
  }
  // A name in escapes is not read: it may be any.
  for (const name of [...runners.split(' '), 'u&"']) writers.mention(name, MAY_WRITE | MAY_HIDE_REFUSAL)
  return writers
}

/** A name inside a regular expression inside a literal. */
function escaped(name: string): string {
  return name.replaceAll(/[^\w\u0080-\uffff]/g, (character) => (character === "'" ? "''" : `\\${character}`))
}
