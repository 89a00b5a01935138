import type { ColumnType, Generated, JSONColumnType } from 'kysely'

export interface Database {
  author: { id: Generated<number>; name: string; age: number | null }
  post: {
    id: Generated<number>
    title: string
    views: ColumnType<string, bigint, bigint>
    price: string | null
    tags: string[]
    details: JSONColumnType<object> | null
    published_at: Date | null
    author_id: number | null
  }
}
