import { notFound } from 'next/navigation'
import type { ReactNode } from 'react'
import { viewPost } from '../../../lib/posts'

// A page that writes while it is rendered: it is run again in the primary region, as long as nothing of it has been sent.
export default async function Page({ params }: { params: Promise<{ id: string }> }): Promise<ReactNode> {
  const post = await viewPost(Number((await params).id))
  if (post === undefined) notFound()
  return (
    <p>
      {post.title} has {`${post.views} views`}
    </p>
  )
}
