/** The tables that every suite works on, as SQL: each ORM describes them in its own words. */
export const tables = `
create table author (
  id serial primary key,
  name text not null unique,
  age integer
);
create table post (
  id serial primary key,
  title text not null,
  views bigint not null default 0,
  price numeric(10, 2),
  tags text[] not null default '{}',
  details jsonb,
  published_at timestamptz(3),
  author_id integer references author (id) on delete cascade
);
create function touch(who integer) returns integer language sql
  as 'update author set age = coalesce(age, 0) + 1 where id = who returning age';`

/** What is in them before each operation. */
export const rows = `
truncate author, post restart identity cascade;
insert into author (name, age) values ('Ada', 36), ('Bob', 41), ('Cy', null);
insert into post (title, views, price, tags, details, published_at, author_id) values
  ('delete from; for update', 9007199254740993, 12.50, '{a,"b c"}', '{"stars": [1, 2]}', '2026-01-02T03:04:05.678Z', 1),
  ('second', 0, null, '{}', null, null, 1),
  ('third', 7, 0.10, '{x}', '"text"', '1999-12-31T23:59:59.999Z', 2);`

/**
 * Undoes what an operation has done to the schema. The tables themselves stay, since drivers tell of each column which
 * table (by its number) it is from.
 */
export const tidy = `
do $$
declare command text;
begin
  for command in
    select format('drop schema %I cascade', nspname) from pg_namespace
      where nspname !~ '^pg_' and nspname not in ('public', 'information_schema')
    union all
    select format('drop table %I cascade', tablename) from pg_tables
      where schemaname = 'public' and tablename not in ('author', 'post')
    union all
    select format('alter table %I drop column %I cascade', table_name, column_name) from information_schema.columns
      where table_schema = 'public' and (table_name = 'author' and column_name not in ('id', 'name', 'age')
        or table_name = 'post' and column_name not in
          ('id', 'title', 'views', 'price', 'tags', 'details', 'published_at', 'author_id'))
    union all
    select format('drop type %I cascade', typname) from pg_type
      where typnamespace = 'public'::regnamespace and typtype = 'e'
  loop
    execute command;
  end loop;
end $$;`

/** All that is in the tables, and which columns there are, so that what an operation has done can be compared. */
export const contents = `
select
  (select jsonb_agg(to_jsonb(author) order by author.id) from author) as authors,
  (select jsonb_agg(to_jsonb(post) order by post.id) from post) as posts,
  (select array_agg(table_schema || '.' || table_name || '.' || column_name order by table_schema, table_name, column_name)
     from information_schema.columns where table_schema not in ('pg_catalog', 'information_schema')) as columns`
