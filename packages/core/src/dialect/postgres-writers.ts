import { isServersOwn } from '../classify/index.ts'
import type { Ask } from './ask.ts'
import { MAY_HIDE_REFUSAL, MAY_WRITE, type Writers, WritersBuilder } from './writers.ts'

/** Extensions whose VOLATILE functions only make something up. */
const HARMLESS = "'uuid-ossp', 'pgcrypto', 'tablefunc'"

/** Routines that a statement may call and that are not the server's own, with what extension they belong to. */
const routines = `select n.nspname, p.proname, p.oid, e.extname, p.provolatile = 'v' and coalesce(e.extname not in (${HARMLESS}), true) as writes,
    l.lanname, case when p.prosrc = '' and p.prokind in ('f', 'p') then pg_get_functiondef(p.oid) else p.prosrc end as body
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
    left join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e' left join pg_extension e on e.oid = d.refobjid
  where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
    and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)`

/**
 * Whether a body catches errors, or asks what would tell it that this is a replica. Of languages that have no word for it
 * in common that is not known. The functions of extensions pass errors on.
 */
const hides = `writes and extname is null and (lanname not in ('sql', 'plpgsql', 'c', 'internal')
  or regexp_replace(body, 'raise\\s+exception', '', 'gi') ~* '\\mexception\\M'
  or body ~* '\\m(pg_is_in_recovery|in_hot_standby|(default_)?transaction_read_only|pg_last_wal_\\w+)\\M')`

const routinesQuery = `with routine as (${routines})
  select nspname, proname, bool_or(writes)::text as writes, bool_or(${hides})::text as hides from routine group by 1, 2 limit 20000`

/** Those that may write and whose body names one of these. */
const callers = (names: readonly string[]): string => `with routine as (${routines})
  select distinct nspname, proname from routine
  where writes and extname is null and body ~* '\\m(${names.map(escaped).join('|')})\\M' limit 20000`

/** Functions of the server's own that write, or lock what the primary does not know of: dependencies on them are not recorded. */
const ownWriters =
  '\\m(nextval|setval|set_config|txid_current|pg_current_xact_id|pg_notify|pg_(try_)?advisory_\\w+|lo_\\w+|pg_logical_\\w+|query_to_xml\\w*)\\s*\\('

/** Views that call what may write, and views of such views. What a rule does on a write is the write's. */
const viewsQuery = `with recursive view as (
    select r.oid as rule, c.oid, c.relname from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
    where r.ev_type = '1' and c.relkind = 'v' and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
  ), uses as (
    select v.oid, v.relname, d.refclassid, d.refobjid from view v join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = v.rule
  ), writer as (
    select u.oid, u.relname from uses u join (${routines}) p on u.refclassid = 'pg_proc'::regclass and u.refobjid = p.oid where p.writes
    union select v.oid, v.relname from view v where pg_get_viewdef(v.oid) ~* '${ownWriters}'
    union select u.oid, u.relname from uses u join writer w on u.refclassid = 'pg_class'::regclass and u.refobjid = w.oid and u.oid <> w.oid
  ) select distinct relname from writer limit 20000`

/** How far calls of calls are followed, and how many names at a time. */
const deepest = 8
const mostNames = 500

/** Functions and procedures by their volatility, and the views that call them; an ordinary user may ask. */
export async function postgresWriters(ask: Ask): Promise<Writers> {
  const writers = new WritersBuilder()
  let hiding = new Set<string>()
  for (const [schema = '', name = '', writes, mayHide] of (await ask(routinesQuery)) as string[][]) {
    const flags = (writes === 'true' ? MAY_WRITE : 0) | (mayHide === 'true' ? MAY_HIDE_REFUSAL : 0)
    writers.routine(schema, name, flags)
    // One's own function with a name of the server's: the text alone does not tell which of the two is called.
    if (isServersOwn(name, 'postgres')) writers.mention(name, flags)
    if (mayHide === 'true') hiding.add(name)
  }
  const known = new Set(hiding)
  for (let depth = 0; hiding.size > 0 && depth < deepest; depth++) {
    const rows = (await ask(callers([...hiding].slice(0, mostNames)))) as string[][]
    hiding = new Set()
    for (const [schema = '', name = ''] of rows) {
      writers.routine(schema, name, MAY_HIDE_REFUSAL)
      if (!known.has(name)) hiding.add(name)
      known.add(name)
    }
  }
  for (const [name] of (await ask(viewsQuery)) as string[][]) writers.mention(name ?? '', MAY_WRITE | MAY_HIDE_REFUSAL)
  return writers
}

/** A name inside a regular expression inside a literal. */
function escaped(name: string): string {
  return name.replaceAll(/[^\w\u0080-\uffff]/g, (character) => (character === "'" ? "''" : `\\${character}`))
}
