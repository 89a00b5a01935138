import { EntitySchema } from 'typeorm'

export interface Author {
  id: number
  name: string
  age: number | null
  posts: Post[]
}

export interface Post {
  id: number
  title: string
  views: string
  price: string | null
  tags: string[]
  details: unknown
  publishedAt: Date | null
  author: Author | null
}

export const AuthorEntity = new EntitySchema<Author>({
  name: 'author',
  columns: {
    id: { type: Number, primary: true, generated: true },
    name: { type: 'text', unique: true },
    age: { type: 'integer', nullable: true },
  },
  relations: { posts: { type: 'one-to-many', target: 'post', inverseSide: 'author', cascade: true } },
})

export const PostEntity = new EntitySchema<Post>({
  name: 'post',
  columns: {
    id: { type: Number, primary: true, generated: true },
    title: { type: 'text' },
    views: { type: 'bigint', default: 0 },
    price: { type: 'numeric', precision: 10, scale: 2, nullable: true },
    tags: { type: 'text', array: true, default: [] },
    details: { type: 'jsonb', nullable: true },
    publishedAt: { name: 'published_at', type: 'timestamptz', nullable: true },
  },
  relations: {
    author: {
      type: 'many-to-one',
      target: 'author',
      inverseSide: 'posts',
      joinColumn: { name: 'author_id' },
      onDelete: 'CASCADE',
    },
  },
})
