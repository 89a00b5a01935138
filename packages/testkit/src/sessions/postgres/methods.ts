import { type Mix, method, sql, valued } from '../choice.ts'

/** Rows that are read one by one. */
export const streams: Mix = [
  [2, valued('stream', sql`select id, name from ${['item', 'public.item']} order by id`, [[]], ['stream'])],
  [
    1,
    valued(
      'stream',
      sql`${['insert into item (name) values ($1) returning id, name', 'select public.add($1)', 'select $1::int']}`,
      [['streamed']],
      ['stream'],
    ),
  ],
]

/** What pg has more than texts for. */
export const methods: Mix = [
  [2, method('notifications')],
  [
    2,
    method('copy', [
      ['copy item (name) from stdin', 'copied\nas well\n'],
      ['copy item (id, name) from stdin', '9\tnine\n1\ttaken\n'],
    ]),
  ],
  [
    1,
    method('copy', [
      ['copy (select id, name from item order by id) to stdout'],
      ["copy (select current_setting('search_path')) to stdout"],
    ]),
  ],
]
