/** Functions of the server's own that write, or lock what the primary does not know of: dependencies on them are not recorded. */
const ownWriters =
  '\\m(nextval|setval|set_config|txid_current|pg_current_xact_id|pg_notify|pg_(try_)?advisory_\\w+|lo_\\w+|pg_logical_\\w+|query_to_xml\\w*)\\s*\\('

/** Whether an operator's name is also one of the server's own: mentioning it says nothing. */
const isServersName = (name: string): string =>
  `${name} in (select oprname from pg_operator where oprnamespace = 'pg_catalog'::regnamespace)`

/** What is not the server's own, of a name of a namespace. */
const isOfTheApp = (name: string): string =>
  `${name} not in ('pg_catalog', 'information_schema') and ${name} !~ '^pg_(toast|temp)'`

/**
 * What runs one of these routines when a text only reads: views, tables with a policy of row-level security, operators, domains
 * with a check, casts, routines with a default parameter or a body that the server keeps parsed, aggregates; and what is made of those. By
 * the server's own record of what depends on what. One row each: its kind, its schema, its name.
 *
 * A type whose check, cast or operator is one of these may run it wherever a value is made of it or taken for another one, and no
 * text need name it: so that counts for all that is made of the type as well, other types, relations with such a column, and routines.
 *
 * What a rule, a trigger or a default value does on a write is the write's.
 *
 * The text of a view is asked for in a CASE, behind the join: a planner takes the cheap-looking condition first otherwise, and the
 * server writes out its own hundred views, nine tenths of what all this costs.
 *
 * @param routines a query of the oids of the routines
 */
export const dependents = (routines: string): string => `with recursive writer(classid, objid) as (
    (select 'pg_proc'::regclass::oid, oid from (${routines}) routine
      union all select 'pg_class'::regclass::oid, c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where case when c.relkind = 'v' and ${isOfTheApp('n.nspname')} then pg_get_viewdef(c.oid) ~* '${ownWriters}' end
      union all select 'pg_class'::regclass::oid, polrelid from pg_policy where pg_get_expr(polqual, polrelid) ~* '${ownWriters}')
    union select o.classid, o.objid from writer w join pg_depend d on d.refclassid = w.classid and d.refobjid = w.objid
      left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid and r.ev_type = '1'
      left join pg_policy y on d.classid = 'pg_policy'::regclass and y.oid = d.objid
      left join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid and k.contypid <> 0
      left join pg_cast x on d.classid = 'pg_cast'::regclass and x.oid = d.objid
      left join pg_operator p on d.classid = 'pg_operator'::regclass and p.oid = d.objid and ${isServersName('p.oprname')}
      left join pg_class c on d.classid = 'pg_class'::regclass and w.classid = 'pg_type'::regclass and c.oid = d.objid
      join lateral (values ('pg_class'::regclass::oid, coalesce(r.ev_class, y.polrelid, c.oid)), ('pg_type'::regclass::oid, coalesce(k.contypid, c.reltype)),
        ('pg_type'::regclass::oid, coalesce(x.castsource, p.oprleft)), ('pg_type'::regclass::oid, coalesce(x.casttarget, p.oprright)),
        (case when d.classid in ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass) then d.classid end, d.objid)
      ) o(classid, objid) on o.classid is not null and o.objid is not null
  ), named as (
    select 'relation' as kind, c.relnamespace as namespace, c.relname as name from writer join pg_class c on classid = 'pg_class'::regclass and c.oid = objid
    union select 'type', t.typnamespace, t.typname from writer join pg_type t on classid = 'pg_type'::regclass and t.oid = objid
    union select 'routine', p.pronamespace, p.proname from writer join pg_proc p on classid = 'pg_proc'::regclass and p.oid = objid
    union select 'operator', o.oprnamespace, o.oprname from writer join pg_operator o on classid = 'pg_operator'::regclass and o.oid = objid
      where not ${isServersName('o.oprname')}
  ) select kind, n.nspname, name from named join pg_namespace n on n.oid = namespace where ${isOfTheApp('n.nspname')} limit 20000`
