import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin, Admins } from '../admin.ts'
import type { Contents } from '../dialect.ts'

const schemas = ['public', 'tenant_a', 'tenant_b']

const table = (schema: string): string => `
  create table ${schema}.item (
    id serial primary key, name text not null,
    owner text default current_user, tenant text default current_setting('app.tenant', true));
  alter table ${schema}.item owner to app;
  grant all on ${schema}.item, ${schema}.item_id_seq to clerk;
  grant usage, create on schema ${schema} to clerk, app;`

const functions = `
  create function public.peek() returns bigint language sql stable as 'select count(*) from public.item';
  create function public.peek_loosely() returns bigint language sql as 'select count(*) from public.item';
  create function public.add(name text) returns int language sql as
    'insert into public.item (name) values ($1) returning id';
  create function public.add_quietly(name text) returns int language plpgsql as
    $$ begin return public.add(name); exception when others then return -1; end $$;
  create procedure public.add_both(name text) language plpgsql as
    $$ begin perform public.add(name); commit; insert into item (name) values (name || '2'); end $$;
  create view public.noisy as select public.add('noise') as id;
  create function public.claim(t text) returns void language plpgsql as
    $$ begin perform set_config('app.tenant', t, false); end $$;
  create function public.enter(s text) returns void language plpgsql as
    $$ begin perform set_config('search_path', s, false); end $$;
  create function public.hold(k int) returns void language plpgsql as
    $$ begin perform pg_advisory_lock(k); end $$;
  create function public.let_go(k int) returns boolean language sql as 'select pg_advisory_unlock(k)';
  create function public.open_cursor() returns void language plpgsql as
    $$ begin execute 'declare c1 cursor with hold for select id, name from item order by id'; end $$;
  create function public.make_basket() returns void language plpgsql as
    $$ begin create temp table basket as select 1 as id, 'made' as name; end $$;`

export async function setUp(primary: Admin, url: string): Promise<void> {
  const password = decodeURIComponent(new URL(url).password)
  // A session opens several connections: with fewer rounds of the password's hash, that is four times as fast.
  await primary.lines(`set scram_iterations = 1; alter role app password '${password}'`)
  await primary.lines(`
    create role clerk; grant clerk to app;
    alter role app set statement_timeout = '6s'; alter role app set lock_timeout = '1500ms';
    create schema tenant_a authorization app; create schema tenant_b authorization app;
    ${schemas.map(table).join('\n')}
    ${functions}`)
  await reset(primary)
}

export async function reset(primary: Admin): Promise<void> {
  await primary.lines(
    schemas
      .map(
        (schema) => `
        drop table if exists ${schema}.extra;
        delete from ${schema}.item;
        insert into ${schema}.item values (1, 'one of ${schema}', 'app', null), (2, 'two of ${schema}', 'app', null);
        select setval('${schema}.item_id_seq', 2);`,
      )
      .join('\n'),
  )
  await primary.lines('drop function if exists public.fresh()')
}

export async function contents(primary: Admin): Promise<Contents> {
  const parts = schemas.flatMap((schema) => [
    `'${schema}.item', (select json_agg(json_build_array(id, name, owner, tenant) order by id) from ${schema}.item)`,
    `'${schema}.item_id_seq', (select json_build_array(last_value, is_called) from ${schema}.item_id_seq)`,
  ])
  const line = await primary.line(`select json_build_object(${parts.join(', ')},
    'tables', (
      select json_agg(json_build_array(relnamespace::regnamespace, relname, relowner::regrole, relnatts) order by relnamespace::regnamespace::text, relname)
      from pg_class where relkind in ('r', 'S', 'v') and relnamespace::regnamespace::text in ('public', 'tenant_a', 'tenant_b')
    ),
    'functions', (select json_agg(prosrc) from pg_proc where proname = 'fresh'))::text as line`)
  return JSON.parse(line) as Contents
}

/** Our own questions are asked under a name of our own. */
export function held(server: Admin): Promise<string> {
  return server.line(`select concat_ws(', ',
    (select string_agg('advisory lock ' || classid || ' ' || objid, ', ') from pg_locks where locktype = 'advisory'),
    (select string_agg(state, ', ') from pg_stat_activity
      where usename = 'app' and application_name <> 'flyroute' and state <> 'idle'),
    (select string_agg('temporary ' || relname, ', ') from pg_class where relpersistence = 't')) as line`)
}

export async function isUsed(server: Admin): Promise<boolean> {
  const count = await server.line(
    `select count(*)::text as line from pg_stat_activity where usename = 'app' and application_name <> 'flyroute'`,
  )
  return count !== '0'
}

export async function caughtUp({ primary, replica }: Admins): Promise<void> {
  const end = await endOf(primary)
  const giveUpAt = Date.now() + 10_000
  while ((await replica.line(`select (pg_last_wal_replay_lsn() >= '${end}')::text as line`)) !== 'true') {
    if (Date.now() > giveUpAt) throw new Error(`The replica did not reach ${end} in 10 s`)
    await sleep(1)
  }
}

/**
 * Where the log ends. Not where the next record would go, which may lie behind the header of a page that is not begun; and not at the
 * edge of a page, which may lie in the middle of a record, whose rest may be long in coming: then another one is put after it.
 */
async function endOf(primary: Admin): Promise<string> {
  const end = await primary.line('select pg_current_wal_flush_lsn()::text as line')
  const isWithin = await primary.line(`select (('${end}'::pg_lsn - '0/0') % 8192 <> 0)::text as line`)
  if (isWithin === 'true') return end
  await primary.line("select pg_logical_emit_message(true, 'end', '')::text as line")
  return endOf(primary)
}
