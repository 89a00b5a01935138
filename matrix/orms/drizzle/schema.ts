import { relations } from 'drizzle-orm'
import { bigint, integer, jsonb, numeric, pgTable, serial, text, timestamp } from 'drizzle-orm/pg-core'

export const authors = pgTable('author', {
  id: serial().primaryKey(),
  name: text().notNull().unique(),
  age: integer(),
})

export const posts = pgTable('post', {
  id: serial().primaryKey(),
  title: text().notNull(),
  views: bigint({ mode: 'bigint' }).notNull().default(0n),
  price: numeric({ precision: 10, scale: 2 }),
  tags: text().array().notNull().default([]),
  details: jsonb(),
  publishedAt: timestamp('published_at', { precision: 3, withTimezone: true }),
  authorId: integer('author_id').references(() => authors.id, { onDelete: 'cascade' }),
})

export const authorRelations = relations(authors, ({ many }) => ({ posts: many(posts) }))
export const postRelations = relations(posts, ({ one }) => ({
  author: one(authors, { fields: [posts.authorId], references: [authors.id] }),
}))
