import type { ReactNode } from 'react'
import { listPosts } from '../../lib/posts'
import { publish } from './actions'

export const dynamic = 'force-dynamic'

export default async function Page(): Promise<ReactNode> {
  const posts = await listPosts()
  return (
    <form action={publish}>
      <input name="title" />
      <ul>
        {posts.map(({ id, title }) => (
          <li key={id}>{title}</li>
        ))}
      </ul>
    </form>
  )
}
