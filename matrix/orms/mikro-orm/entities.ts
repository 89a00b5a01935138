import { defineEntity, p } from '@mikro-orm/core'

export const Author = defineEntity({
  name: 'Author',
  properties: {
    id: p.integer().primary(),
    name: p.text().unique(),
    age: p.integer().nullable(),
    posts: () => p.oneToMany(Post).mappedBy('author'),
  },
})

export const Post = defineEntity({
  name: 'Post',
  properties: {
    id: p.integer().primary(),
    title: p.text(),
    views: p.bigint('string').default(0),
    price: p.decimal('string').precision(10).scale(2).nullable(),
    tags: p.array().columnType('text[]').default([]),
    details: p.json().nullable(),
    publishedAt: p.datetime(3).nullable(),
    author: () => p.manyToOne(Author).nullable().deleteRule('cascade'),
  },
})
